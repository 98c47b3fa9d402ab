import path from "node:path";
import { checkOptions, type Declared } from "../../src/options.ts";
import { UsageError } from "../failure.ts";
import { webPackage } from "../web-package.ts";
import { cacheFolder } from "./cache.ts";
import { type Produced, produce } from "./produce.ts";
import { readImport, splitImport } from "./query.ts";
import type { UrlOf } from "./urls.ts";
import type { Listener } from "./webpack-loader.ts";

/** Options of the plugin. */
export interface PluginOptions {
  /** The folder of cached results; node_modules/.cache/laurelize of the project by default. */
  readonly cache?: string | undefined;
  /**
   * Emits the files that onnxruntime-web fetches, and exports their URLs as `wasmPaths`: the entry
   * that the page imports, such as "onnxruntime-web/wasm"; `true` stands for "onnxruntime-web".
   */
  readonly wasm?: boolean | string | undefined;
}

const pluginOptions: Declared<PluginOptions> = { cache: { type: "string" }, wasm: {} };

/** The modules that imports of models yield, in one build. */
export class ModelModules {
  root = process.cwd();
  say = (line: string): void => console.info(line);
  readonly #options: PluginOptions;
  #web: WebFiles | null | undefined;

  constructor(options: PluginOptions) {
    checkOptions("the laurelize plugin", options, pluginOptions);
    this.#options = options;
  }

  get cache(): string {
    return path.resolve(this.root, this.#options.cache ?? cacheFolder(this.root));
  }

  /** Returns the module of an import. Throws an error of one sentence that names the import. */
  async moduleOf(id: string, listener: Listener, urlOf: UrlOf): Promise<string> {
    const { model, query } = splitImport(id)!;
    const name = `${path.basename(model)}?${query}`;
    listener.watch(model);
    try {
      const web = this.#webFiles();
      const start = performance.now();
      const produced = await produce(readImport(id), this.cache);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      if (!produced.isCached) this.say(`laurelize: made ${name} in ${seconds} s`);
      for (const file of [...produced.dependencies, produced.model]) listener.watch(file);
      for (const warning of produced.warnings) listener.warn(`${name}: ${warning}`);
      return moduleCode(produced, web, urlOf);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
  }

  #webFiles(): WebFiles | null {
    const { wasm } = this.#options;
    this.#web ??= wasm ? webFiles(wasm === true ? "onnxruntime-web" : wasm, this.root) : null;
    return this.#web;
  }
}

/**
 * Returns the module that an import of a model yields: the model's URL, its data files as
 * onnxruntime-web takes them, and the URLs of onnxruntime-web's own files.
 */
function moduleCode(produced: Produced, web: WebFiles | null, urlOf: UrlOf): string {
  const model = urlOf(produced.model, "model");
  const data = produced.data.map(({ path, file }, at) => ({ path, of: urlOf(file, `data${at}`) }));
  const paths = web && { mjs: urlOf(web.mjs, "mjs"), wasm: urlOf(web.wasm, "wasm") };
  const urls = [model, ...data.map(({ of }) => of), ...(paths ? [paths.mjs, paths.wasm] : [])];
  const entries = data.map(({ path, of }) => `{ path: ${JSON.stringify(path)}, data: ${of.url} }`);
  return [
    ...urls.flatMap(({ before }) => before ?? []),
    `export default ${model.url};`,
    `export const data = [${entries.join(", ")}];`,
    `export const wasmPaths = ${paths ? `{ mjs: ${paths.mjs.url}, wasm: ${paths.wasm.url} }` : "undefined"};`,
    "",
  ].join("\n");
}

/** Files of onnxruntime-web by their places in `ort.env.wasm.wasmPaths`. */
type WebFiles = Readonly<Record<"mjs" | "wasm", string>>;

/**
 * Finds the files that an entry of onnxruntime-web, as installed for a project, fetches. Throws a
 * UsageError if there is no such entry.
 */
function webFiles(entry: string, root: string): WebFiles {
  const installed = webPackage(path.join(path.resolve(root), "package.json")) ?? webPackage();
  if (!installed)
    throw new UsageError(
      "option wasm of the laurelize plugin needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.",
    );
  const match = installed.entries.find((candidate) => candidate.entry === entry);
  if (!match)
    throw new UsageError(
      `option wasm of the laurelize plugin names ${entry}, which does not load a wasm file; choose one of ${installed.entries.map((candidate) => candidate.entry).join(", ")}.`,
    );
  const wasm = path.join(installed.dist, match.wasm);
  return { mjs: wasm.replace(/\.wasm$/, ".mjs"), wasm };
}
