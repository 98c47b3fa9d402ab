// Part of the build: bundles what tsc has compiled, because one file loads faster than many.
import { build } from "esbuild";

const RUNTIMES = ["onnxruntime-node", "onnxruntime-web", "onnxruntime-common"];
/** Some packages in a bundle are CommonJS, and call `require`. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";
const ECHARTS =
  "/*! Bundles Apache ECharts, Apache-2.0, Copyright 2017-2026 The Apache Software Foundation. This product includes software developed at The Apache Software Foundation (https://www.apache.org/). */";

const bundled = (names, options) =>
  build({
    entryPoints: names.map((name) => `dist/bin/${name}.js`),
    outdir: "dist/bin",
    allowOverwrite: true,
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: true,
    legalComments: "eof",
    logLevel: "warning",
    ...options,
  });

// What an option of yargs would look up in package.json is given.
const parser = {
  alias: { "escalade/sync": "./dist/bin/no-package.js" },
  banner: { js: REQUIRE },
};
const run = ["strip", "extract", "combine", "export-torch", "step-worker", "train-script"];

await bundled(["laurelize"], { external: ["./dist/bin/start.js"] });
await bundled(["start"], {
  ...parser,
  external: ["./dist/bin/run-*.js", "./dist/bin/runtime.js", "./dist/src/in*.js", "jiti"],
});
await bundled(["loss-curve"], { minify: true, sourcesContent: false, banner: { js: ECHARTS } });
await bundled(["child", ...run.map((name) => `run-${name}`)], {
  ...parser,
  splitting: true,
  chunkNames: "child-[hash]",
  external: [...RUNTIMES, "playwright-core", "sharp", "./loss-curve.js"],
});
