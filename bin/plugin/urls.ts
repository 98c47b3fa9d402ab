import fs from "node:fs";
import path from "node:path";

/** A file's URL in the module that an import yields. */
interface FileUrl {
  /** A statement that stands before all others. */
  readonly before?: string;
  readonly url: string;
}

/** Asks a bundler for the URL of a file; `name` is free for a variable. */
export type UrlOf = (file: string, name: string) => FileUrl;

const forward = (file: string) => file.split(path.sep).join("/");

/** Vite's own import of a URL, which serves the file in development and emits it in a build. */
export const viteUrl: UrlOf = (file, name) => ({
  before: `import ${name} from ${JSON.stringify(`${forward(file)}?url&no-inline`)};`,
  url: name,
});

/** An asset that is emitted into the bundle, as rollup and rolldown refer to it. */
export const emittedUrl =
  (emit: (asset: { type: "asset"; name: string; source: Uint8Array }) => unknown): UrlOf =>
  (file) => ({
    url: `import.meta.ROLLUP_FILE_URL_${emit({ type: "asset", name: path.basename(file), source: fs.readFileSync(file) })}`,
  });

/** A URL relative to a module, which webpack and Rspack emit as an asset. */
export const relativeUrl =
  (module: string): UrlOf =>
  (file) => {
    const from = path.relative(path.dirname(module), file);
    const request = path.isAbsolute(from) ? from : `./${forward(from)}`;
    return { url: `new URL(${JSON.stringify(request)}, import.meta.url).href` };
  };
