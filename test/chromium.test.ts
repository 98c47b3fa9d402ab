import fs from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "./support/api-run.ts";
import { temporaryFolder, textOf } from "./support/fixture.ts";
import { bundleChild, inProcess } from "./support/in-process.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { launchBrowser, serveFolder, testBrowser } from "./support/web-project.ts";

if (!testBrowser) console.warn("chromium: skipped, there is no Chromium");

const wasm = path.join(import.meta.dirname, "../node_modules/onnxruntime-web/dist");
const models = ["pre-norm-mlp", "diffusion-block", "bottleneck-half-precision"].map(
  (name) => [name, modelOfText(textOf(name).replace(/\bN\b/g, "?"))] as const,
);

const PAGE = `
import * as ort from "onnxruntime-web/wasm";
import { openModel } from "laurelize";
import { apiRun } from ${JSON.stringify(path.join(import.meta.dirname, "support/api-run.ts"))};
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "/wasm/";
window.run = async (bytes) => apiRun(await openModel(Uint8Array.from(bytes)), ort);
`;

it.runIf(process.env.CI && !testBrowser)("Chromium is there under CI", () => {
  expect(testBrowser, "install chromium").not.toBeNull();
});

describe.skipIf(!testBrowser)("the API in a real browser", { timeout: 240_000 }, () => {
  const folder = temporaryFolder();
  const files = models.map(([name, bytes]) => {
    const file = path.join(folder, `${name}.onnx`);
    fs.writeFileSync(file, bytes);
    return file;
  });
  let there: readonly Outcome[];
  let here: Awaited<ReturnType<typeof inProcess>>;

  beforeAll(async () => {
    await build({
      stdin: { contents: PAGE, resolveDir: import.meta.dirname },
      bundle: true,
      platform: "browser",
      format: "esm",
      logLevel: "silent",
      outfile: path.join(folder, "p.js"),
    });
    fs.writeFileSync(
      path.join(folder, "index.html"),
      '<script type="module" src="/p.js"></script>',
    );
    fs.symlinkSync(wasm, path.join(folder, "wasm"), "junction");
    const { url, close } = await serveFolder(folder);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`${url}index.html`);
      await page.waitForFunction("window.run");
      const outcomes: Outcome[] = [];
      for (const [, bytes] of models)
        outcomes.push(await page.evaluate(`window.run(${JSON.stringify([...bytes])})`));
      there = outcomes;
    } finally {
      await browser.close();
      close();
    }
    await bundleChild();
    here = await inProcess("node", files);
  }, 240_000);

  it.each(models.map(([name], k) => [name, k] as const))("%s", (_, k) => {
    const { step: own, ...rest } = here.get(files[k]) as Outcome;
    const { step, ...others } = there[k];
    expect(rest.sites.length).toBeGreaterThan(0);
    expect(others).toEqual(rest);
    for (const key of ["loss", "norm"] as const)
      expect(Math.abs(step![key] - own![key])).toBeLessThanOrEqual(1e-6 * Math.abs(own![key]));
  });
});
