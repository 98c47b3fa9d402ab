import fs from "node:fs";
import type { PluginBuild } from "esbuild";
import { splitImport } from "./query.ts";
import type { UrlOf } from "./urls.ts";

const PREFIX = "laurelize-file:";
const NAMESPACE = "laurelize-file";

/** The formats that esbuild writes by default. */
const FORMATS = { browser: "iife", node: "cjs", neutral: "esm" } as const;

/** What relative URLs start from; "cjs" leaves them relative. */
const BASES: Readonly<Record<string, string | undefined>> = {
  esm: "import.meta.url",
  iife: "globalThis.document?.currentScript?.src ?? globalThis.document?.baseURI ?? globalThis.location.href",
};

/** Makes esbuild copy files; their paths are relative to the output file. */
export function setUpEsbuild(build: PluginBuild): UrlOf {
  const { platform, format } = build.initialOptions;
  const base = BASES[format ?? FORMATS[platform ?? "browser"]];
  // esbuild itself takes a slash in a query for a folder.
  build.onResolve({ filter: /\.onnx\?/ }, async ({ path, pluginData, ...from }) => {
    const parts = splitImport(path);
    if (!parts) return null;
    const resolved = await build.resolve(parts.model, { ...from, pluginData });
    return { ...resolved, suffix: `?${parts.query}` };
  });
  build.onResolve({ filter: new RegExp(`^${PREFIX}`) }, ({ path }) => ({
    path: path.slice(PREFIX.length),
    namespace: NAMESPACE,
  }));
  build.onLoad({ filter: /./, namespace: NAMESPACE }, ({ path }) => ({
    contents: fs.readFileSync(path),
    loader: "file",
  }));
  return (file, name) => ({
    before: `import ${name} from ${JSON.stringify(PREFIX + file)};`,
    url: base === undefined ? name : `new URL(${name}, ${base}).href`,
  });
}
