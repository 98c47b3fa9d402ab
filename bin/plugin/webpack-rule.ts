import { fileURLToPath } from "node:url";
import type { ModelModules } from "./model-modules.ts";
import { splitImport } from "./query.ts";
import { relativeUrl } from "./urls.ts";
import type { LoadModel } from "./webpack-loader.ts";

/** What the compilers of webpack and Rspack have in common. */
export interface WebpackLike {
  readonly context: string;
  readonly options: { readonly module: { readonly rules: unknown[] } };
}

const loader = fileURLToPath(new URL("./webpack-loader.js", import.meta.url));

/**
 * Adds the rule for imports of models to a compiler, as its last one, which decides the type of a
 * module: rules of the user's may make assets of all models.
 */
export function addRule(compiler: WebpackLike, modules: ModelModules): void {
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
