import { fileURLToPath } from "node:url";
import type {
  UnpluginBuildContext,
  UnpluginContext,
  UnpluginFactory,
  UnpluginOptions,
} from "unplugin";
import { setUpEsbuild } from "./esbuild-files.ts";
import { ModelModules, type PluginOptions } from "./model-modules.ts";
import { splitImport } from "./query.ts";
import { emittedUrl, relativeUrl, type UrlOf, viteUrl } from "./urls.ts";
import type { Listener, LoadModel } from "./webpack-loader.ts";

type Context = UnpluginBuildContext & UnpluginContext;

/** What the contexts of rollup, rolldown and Vite have beside unplugin's. */
interface RollupContext {
  resolve(source: string, importer?: string, options?: object): Promise<{ id: string } | null>;
  emitFile(asset: { type: "asset"; name: string; source: Uint8Array }): string;
}

/** The plugin for every bundler: rewrites the models that modules import with a query. */
export const laurelizePlugin: UnpluginFactory<PluginOptions | undefined, false> = (
  options = {},
  { framework },
) => {
  const modules = new ModelModules(options);
  const shared = { name: "laurelize", enforce: "pre" } as const;
  if (framework === "webpack" || framework === "rspack") {
    const add = (compiler: object) => addRule(compiler as WebpackLike, modules);
    return { ...shared, webpack: add, rspack: add };
  }
  if (framework === "esbuild") {
    let urlOf: UrlOf;
    return {
      ...shared,
      ...loading(modules, () => urlOf),
      esbuild: {
        setup(build) {
          modules.root = build.initialOptions.absWorkingDir ?? modules.root;
          urlOf = setUpEsbuild(build);
        },
      },
    };
  }
  return {
    ...shared,
    resolveId: resolveImport,
    ...loading(modules, framework === "vite" ? () => viteUrl : emitting),
    vite: {
      configResolved(config) {
        modules.root = config.root;
        modules.say = (line) => config.logger.info(line);
        config.server.fs.allow.push(modules.cache);
      },
    },
  };
};

function loading(
  modules: ModelModules,
  urlOf: (context: Context) => UrlOf,
): Pick<UnpluginOptions, "loadInclude" | "load"> {
  return {
    loadInclude: (id) => splitImport(id) !== null,
    load(id) {
      const listener: Listener = {
        watch: (file) => this.addWatchFile(file),
        warn: (warning) => this.warn(warning),
      };
      return modules.moduleOf(id, listener, urlOf(this));
    },
  };
}

const emitting = (context: Context): UrlOf =>
  emittedUrl((asset) => (context as unknown as RollupContext).emitFile(asset));

/** Resolves an import of a model as the bundler resolves the model without its query. */
async function resolveImport(this: Context, source: string, importer: string | undefined) {
  const parts = splitImport(source);
  if (!parts) return null;
  const context = this as unknown as RollupContext;
  const from = importer === undefined ? undefined : withoutQuery(importer);
  const resolved = await context.resolve(parts.model, from, { skipSelf: true });
  return resolved && `${withoutQuery(resolved.id)}?${parts.query}`;
}

const withoutQuery = (id: string) => id.replace(/\?.*$/s, "");

/** What the compilers of webpack and Rspack have in common. */
interface WebpackLike {
  readonly context: string;
  readonly options: { readonly module: { readonly rules: unknown[] } };
}

const loader = fileURLToPath(new URL("./webpack-loader.js", import.meta.url));

/**
 * Adds the rule for imports of models to a compiler, as its last one, which decides the type of a
 * module: rules of the user's may make assets of all models.
 */
function addRule(compiler: WebpackLike, modules: ModelModules): void {
  modules.root = compiler.context;
  const load: LoadModel = (id, listener) =>
    modules.moduleOf(id, listener, relativeUrl(splitImport(id)!.model));
  compiler.options.module.rules.push({
    test: /\.onnx$/,
    resourceQuery: (query: string) => splitImport(`.onnx${query}`) !== null,
    type: "javascript/auto",
    use: [{ loader, options: { load } }],
  });
}
