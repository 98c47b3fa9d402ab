import fs from "node:fs";
import path from "node:path";
import * as esbuild from "esbuild";
import {
  extractAdapter,
  laurelize,
  openModel,
  saveAdapter,
  saveModel,
  splitModel,
} from "laurelize";
import laurelizeEsbuild, { type PluginOptions } from "laurelize/esbuild";
import laurelizeRolldown from "laurelize/rolldown";
import laurelizeRollup from "laurelize/rollup";
import laurelizeRspack from "laurelize/rspack";
import laurelizeVite from "laurelize/vite";
import laurelizeWebpack from "laurelize/webpack";
import ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";
import { tuned } from "./support/tuned.ts";
import { launchBrowser, linkPackages, serveFolder, testBrowser } from "./support/web-project.ts";

if (!testBrowser) console.warn("plugin: skipped in part, there is no Chromium");

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder, ...names);
const bytesOf = (...names: string[]) => fs.readFileSync(at(...names));
const quick = { logLevel: "silent", write: false, bundle: true, format: "esm" } as const;

const BLOCK = `<ir_version: 8, opset_import: ["" : 17]>
block (float[N, 32] x) => (float[N, 32] out) <float[32, 64] up, float[64, 32] down>
{ a = MatMul(x, up) b = Relu(a) f = MatMul(b, down) [block/Add] y = Add(x, f) out = Tanh(y) }`;

/** Infinities in the stream times zero: its proof fails. */
const UNPROVED = `<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 8] x) => (float[2, 8] z) <float[8, 8] w, float[1] zero = {0}>
{ i = Div(x, zero) f = MatMul(x, w) t = Tanh(i) [res] y = Add(i, h) h = MatMul(t, w) z = Atan(y) }`;

const PAGE = `
import * as ort from "onnxruntime-web/wasm";
import model, { data, wasmPaths } from "./models/model.onnx?laurel=rw+lr&rank=2&include=block/*";
import adapted from "./models/plain.onnx?adapter=./a.safetensors&fold";
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = wasmPaths;
window.urls = { model, data, wasmPaths, adapted };
window.run = async (x) => {
  const outputs = [];
  for (const [url, externalData] of [[model, data], [adapted, []]]) {
    const session = await ort.InferenceSession.create(url, { externalData });
    const { out } = await session.run({ x: new ort.Tensor("float32", Float32Array.from(x), [1, 32]) });
    outputs.push([...out.data]);
  }
  return outputs;
};
`;

const options = { wasm: "onnxruntime-web/wasm" };

/** Builds the project with each bundler into a folder of its own; a page is made where it makes none. */
const builds = {
  vite: async () => {
    const { build } = await import("vite");
    await build({
      root: folder,
      configFile: false,
      logLevel: "error",
      plugins: [laurelizeVite(options)],
      build: { outDir: at("out/vite"), minify: false, reportCompressedSize: false },
    });
  },
  webpack: async () => {
    const { default: webpack } = await import("webpack");
    await compiled(webpack, laurelizeWebpack(options), "webpack");
  },
  esbuild: async () => {
    await esbuild.build({
      ...quick,
      write: true,
      entryPoints: [at("src/page.js")],
      outdir: at("out/esbuild"),
      absWorkingDir: folder,
      plugins: [laurelizeEsbuild(options)],
    });
  },
  rollup: async () => {
    const { rollup } = await import("rollup");
    const external = ["onnxruntime-web/wasm"];
    const plugins = [laurelizeRollup({ ...options, cache: at("node_modules/.cache/laurelize") })];
    const bundle = await rollup({ input: at("src/page.js"), external, plugins });
    await bundle.write({ dir: at("out/rollup") });
  },
  rolldown: async () => {
    const { rolldown } = await import("rolldown");
    const plugins = [laurelizeRolldown({ ...options, cache: at("node_modules/.cache/laurelize") })];
    const bundle = await rolldown({ input: at("src/page.js"), plugins });
    await bundle.write({ dir: at("out/rolldown") });
  },
  rspack: async () => {
    const { rspack } = await import("@rspack/core");
    await compiled(rspack as never, laurelizeRspack(options) as never, "rspack");
  },
};

/** Compiles as webpack and Rspack do; a rule of the project's own makes assets of all models. */
async function compiled(
  bundler: typeof import("webpack"),
  plugin: ReturnType<typeof laurelizeWebpack>,
  name: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const compiler = bundler(
      {
        mode: "development",
        devtool: false,
        context: folder,
        entry: at("src/page.js"),
        output: { path: at("out", name), filename: "page.js" },
        module: { rules: [{ test: /\.onnx$/, type: "asset/resource" }] },
        plugins: [plugin],
      },
      (error, stats) => {
        const failed =
          error ?? (stats?.hasErrors() ? new Error(stats.toString("errors-only")) : null);
        compiler!.close(() => (failed ? reject(failed) : resolve()));
      },
    );
  });
}

const filesUnder = (name: string) =>
  fs.readdirSync(at(name), { recursive: true, encoding: "utf8" }).sort();

beforeAll(async () => {
  fs.mkdirSync(at("src/models"), { recursive: true });
  linkPackages(folder, ["laurelize", "onnxruntime-web", "onnxruntime-common"]);
  fs.writeFileSync(at("src/models/plain.onnx"), modelOfText(BLOCK));
  fs.writeFileSync(at("src/models/unproved.onnx"), modelOfText(UNPROVED));
  const split = splitModel(await openModel(modelOfText(BLOCK)), "model.onnx", 10_000);
  await saveModel(split, at("src/models/model.onnx"));
  const plain = await openModel(at("src/models/plain.onnx"));
  const { model } = await laurelize(plain, { ort, variant: "rw+lr", rank: 2 });
  await saveModel(model, at("node_modules/laurel.onnx"));
  await saveAdapter(await extractAdapter(tuned(model, 7)), at("src/models/a.safetensors"));
  fs.writeFileSync(at("src/page.js"), PAGE);
  fs.writeFileSync(at("index.html"), '<script type="module" src="/src/page.js"></script>');
});

const x = Float32Array.from({ length: 32 }, (_, k) => k / 32 - 0.5);
const outputOf = async (file: string): Promise<number[]> => {
  const session = await sessionOn(file);
  const { out } = await session.run({ x: new ort.Tensor("float32", x, [1, 32]) });
  return Array.from(out.data as Float32Array);
};
const near = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k])));

/** Two units in the last place of an output of Tanh: kernels of processors differ by one. */
const TOLERANCE = 2 ** -22;

describe("imports of models", { timeout: 240_000 }, () => {
  const names = (["vite", "webpack", "esbuild", "rolldown", "rspack", "rollup"] as const).slice(
    0,
    isNightly ? 6 : 3,
  );
  const cache = () => filesUnder("node_modules/.cache/laurelize");
  let sources: string[];

  beforeAll(async () => {
    sources = filesUnder("src");
    for (const name of names) await builds[name]();
    fs.mkdirSync(at("cli"));
    const laurel = ["--variant", "rw+lr", "--rank", "2", "--include", "block/*", "--copy-data"];
    const made = [
      cli([at("src/models/model.onnx"), ...laurel, "-o", at("cli/model.onnx")]),
      cli([
        "apply",
        ...["plain.onnx", "a.safetensors"].map((name) => at("src/models", name)),
        ...["--fold", "-o", at("cli/adapted.onnx")],
      ]),
    ];
    for (const { code, stderr } of made) expect(code, stderr).toBe(0);
  }, 240_000);

  it.each(names)("%s emits what the command line writes, data files too", (name) => {
    const emitted = filesUnder(`out/${name}`).map((file) => at("out", name, file));
    const contents = emitted
      .filter((file) => fs.statSync(file).isFile())
      .map((file) => fs.readFileSync(file));
    const data = ["_data", "_data_1", "_data_2"].map((end) => `model.onnx${end}`);
    expect(filesUnder("cli")).toEqual(["adapted.onnx", "model.onnx", ...data]);
    const missing = filesUnder("cli").filter(
      (file) => !contents.some((bytes) => bytes.equals(bytesOf("cli", file))),
    );
    expect(missing).toEqual([]);
  });

  it("makes each model once, and writes nothing beside the sources", async () => {
    const before = cache();
    expect(before.filter((file) => !file.includes(path.sep))).toHaveLength(2);
    await builds.esbuild();
    expect(cache()).toEqual(before);
    expect(filesUnder("src")).toEqual(sources);
  });

  it.runIf(testBrowser)("run in a page in Chromium, whichever bundler built it", async () => {
    const expected = [await outputOf(at("cli/model.onnx")), await outputOf(at("cli/adapted.onnx"))];
    expect(near(expected[0], await outputOf(at("src/models/plain.onnx")))).toBe(0);
    expect(near(expected[0], expected[1])).toBeGreaterThan(0.1);
    const browser = await launchBrowser();
    try {
      for (const name of names.filter((each) => each !== "rollup")) {
        if (name !== "vite")
          fs.writeFileSync(
            at("out", name, "index.html"),
            '<script type="module" src="/page.js"></script>',
          );
        const { url, close } = await serveFolder(at("out", name));
        const page = await browser.newPage();
        await page.goto(`${url}index.html`);
        await page.waitForFunction("window.run");
        const outputs: number[][] = await page.evaluate(`window.run([${[...x]}])`);
        for (const [k, output] of outputs.entries())
          expect(near(output, expected[k]), `${name}, model ${k}`).toBeLessThanOrEqual(TOLERANCE);
        await page.close();
        close();
      }
    } finally {
      await browser.close();
    }
  });

  it("are tried in Chromium under CI", () => {
    if (process.env.CI) expect(testBrowser, "install chromium").not.toBeNull();
  });
});

/** What a build says of one import: its first error, or the names of the files it writes. */
async function saidOf(specifier: string, given: PluginOptions = {}): Promise<string> {
  try {
    const built = await esbuild.build({
      ...quick,
      stdin: {
        contents: `export { default } from ${JSON.stringify(specifier)}`,
        resolveDir: at("src/models"),
      },
      outdir: at("out/one"),
      absWorkingDir: folder,
      loader: { ".onnx": "file" },
      plugins: [laurelizeEsbuild(given)],
    });
    return built.outputFiles.map((file) => path.basename(file.path)).join();
  } catch (error) {
    return (error as esbuild.BuildFailure).errors[0].text;
  }
}

describe("an import that cannot be resolved fails the build in one sentence", () => {
  it.each([
    ["laurell=rw", "laurell is not understood; did you mean laurel?"],
    ["laurel&rnk=8", "rnk is not understood; did you mean rank?"],
    ["laurel&output=o.onnx", /^output is not understood; the options are variant, .*rank, /],
    ["rank=8", "rank is an option of laurel, which the import does not request; add laurel."],
    ["laurel&rank=4&rank=8", "rank is given twice; give it once."],
    ["laurel=rw&variant=lr", "laurel and variant both name the variant; give one of them."],
    ["adapter", "adapter needs the path of a file: ?adapter=./a.safetensors."],
    ["laurel&rank=1.5", "rank must be a positive integer (got 1.5)."],
    ["laurel=rx", "laurel must be rw, lr, rw+lr, pa, rw+pa, lr+pa or rw+lr+pa (got rx)."],
    ["laurel&per-channel=yes", "per-channel must be true or false (got yes)."],
    ["laurel&include=none*", /^the one residual connection of .* is not chosen; loosen --include/],
    ["fold=no", "fold does not take a value; leave it out if nothing should be folded."],
    ["fold", /^plain\.onnx .*laurelized/],
  ])("?%s", async (query, sentence) => {
    const said = await saidOf(`./plain.onnx?${query}`);
    const [, after] = said.split(`plain.onnx?${query}: `);
    if (typeof sentence === "string") expect(after, said).toBe(sentence);
    else expect(after, said).toMatch(sentence);
    expect(after).not.toContain("\n");
  });

  it("with the figures if its proof fails; nothing is cached", async () => {
    const said = await saidOf("./unproved.onnx?laurel=lr");
    expect(said).toContain("unproved.onnx?laurel=lr: ");
    expect(said).toContain("was not written");
    expect(said).toMatch(/output z differs/);
    expect(filesUnder("node_modules/.cache/laurelize").join()).not.toContain("unproved");
  });

  it("and so does an option of the plugin's own", async () => {
    expect(() => laurelizeEsbuild({ cach: "x" } as object)).toThrow(/did you mean cache\?/);
    const said = await saidOf("./plain.onnx?laurel", { wasm: "onnxruntime-web/wsm" });
    expect(said).toContain(
      "names onnxruntime-web/wsm, which does not load a wasm file; choose one of",
    );
  });

  it("but is left to the bundler if its query is for others", async () => {
    expect(await saidOf("./plain.onnx?url")).toMatch(/plain-\w+\.onnx/);
  });
});

describe("Vite's development server", { timeout: 120_000 }, () => {
  it("serves the model, and another one once the adapter has changed", async () => {
    const { createServer } = await import("vite");
    const server = await createServer({
      root: folder,
      configFile: false,
      logLevel: "error",
      plugins: [laurelizeVite()],
      server: { port: 0, host: "127.0.0.1" },
      optimizeDeps: { noDiscovery: true },
    });
    try {
      await server.listen();
      const [origin] = server.resolvedUrls!.local;
      const get = async (url: string) => (await fetch(new URL(url, origin))).arrayBuffer();
      const code = async (url: string) => new TextDecoder().decode(await get(url));
      const served = async () => {
        const page = await code("/src/page.js");
        const [, module] = /"([^"]*plain\.onnx[^"]*)"/.exec(page)!;
        const [, file] = /from "([^"]*plain\.onnx[^"]*)"|$/.exec(await code(module))!;
        const [, url] = /export default "([^"]+)"/.exec(await code(file))!;
        return Buffer.from(await get(url));
      };
      const first = await served();
      expect(first.equals(bytesOf("cli/adapted.onnx"))).toBe(true);
      const other = tuned(await openModel(at("node_modules/laurel.onnx")), 8);
      await saveAdapter(await extractAdapter(other), at("src/models/a.safetensors"));
      const until = Date.now() + 30_000;
      while (first.equals(await served())) {
        expect(Date.now()).toBeLessThan(until);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      await server.close();
    }
  });
});
