import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "./support/api-run.ts";
import { temporaryFolder, textOf } from "./support/fixture.ts";
import { bundleChild, inProcess } from "./support/in-process.ts";
import { modelOfText } from "./support/onnx-text.ts";

const browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (file) => fs.existsSync(file),
);
if (!browser) console.warn("chromium: skipped, there is no Chromium in /usr/bin");

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

it.runIf(process.env.CI && !browser)("Chromium is there under CI", () => {
  expect(browser, "install chromium").toBeDefined();
});

describe.skipIf(!browser)("the API in a real browser", { timeout: 240_000 }, () => {
  const folder = temporaryFolder();
  const files = models.map(([name, bytes]) => {
    const file = path.join(folder, `${name}.onnx`);
    fs.writeFileSync(file, bytes);
    return file;
  });
  let server: http.Server;
  let there: readonly Outcome[];
  let here: Awaited<ReturnType<typeof inProcess>>;

  beforeAll(async () => {
    const script = path.join(folder, "page.js");
    await build({
      stdin: { contents: PAGE, resolveDir: import.meta.dirname },
      bundle: true,
      platform: "browser",
      format: "esm",
      logLevel: "silent",
      outfile: script,
    });
    server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url!, "http://localhost");
      const [file, type] = pathname.startsWith("/wasm/")
        ? [path.join(wasm, path.basename(pathname)), ""]
        : [script, "text/javascript"];
      const kind = pathname.endsWith(".wasm") ? "application/wasm" : type || "text/javascript";
      if (pathname === "/")
        response
          .setHeader("content-type", "text/html")
          .end('<script type="module" src="/p.js"></script>');
      else response.setHeader("content-type", kind).end(fs.readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const opened = await chromium.launch({ executablePath: browser!, args: ["--no-sandbox"] });
    try {
      const page = await opened.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.waitForFunction("window.run");
      const outcomes: Outcome[] = [];
      for (const [, bytes] of models)
        outcomes.push(await page.evaluate(`window.run(${JSON.stringify([...bytes])})`));
      there = outcomes;
    } finally {
      await opened.close();
    }
    await bundleChild();
    here = await inProcess("node", files);
  }, 240_000);

  afterAll(() => server.close());

  it.each(models.map(([name], k) => [name, k] as const))("%s", (_, k) => {
    const { step: own, ...rest } = here.get(files[k]) as Outcome;
    const { step, ...others } = there[k];
    expect(rest.sites.length).toBeGreaterThan(0);
    expect(others).toEqual(rest);
    for (const key of ["loss", "norm"] as const)
      expect(Math.abs(step![key] - own![key])).toBeLessThanOrEqual(1e-6 * Math.abs(own![key]));
  });
});
