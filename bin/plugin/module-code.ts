import type { Produced } from "./produce.ts";
import type { UrlOf } from "./urls.ts";
import type { WebFiles } from "./web-files.ts";

/**
 * Returns the module that an import of a model yields: the model's URL, its data files as
 * onnxruntime-web takes them, and the URLs of onnxruntime-web's own files.
 */
export function moduleCode(produced: Produced, web: WebFiles | null, urlOf: UrlOf): string {
  const model = urlOf(produced.model, "model");
  const data = produced.data.map(({ path, file }, at) => ({ path, of: urlOf(file, `data${at}`) }));
  const paths = web && { mjs: urlOf(web.mjs, "mjs"), wasm: urlOf(web.wasm, "wasm") };
  const all = [model, ...data.map(({ of }) => of), ...(paths ? [paths.mjs, paths.wasm] : [])];
  const entries = data.map(({ path, of }) => `{ path: ${JSON.stringify(path)}, data: ${of.url} }`);
  return [
    ...all.flatMap(({ before }) => before ?? []),
    `export default ${model.url};`,
    `export const data = [${entries.join(", ")}];`,
    `export const wasmPaths = ${paths ? `{ mjs: ${paths.mjs.url}, wasm: ${paths.wasm.url} }` : "undefined"};`,
    "",
  ].join("\n");
}
