import fs from "node:fs";
import path from "node:path";
import { openModel, strip } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { judgePython } from "./support/judge.ts";
import { type NpyArray, npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { follow, program, recipes } from "./support/recipe.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";
import { vitTiny } from "./support/vit-tiny.ts";
import { launchBrowser, linkPackages, serveFolder, testBrowser } from "./support/web-project.ts";

const BLOCK = `<ir_version: 8, opset_import: ["" : 17]>
block (float[N, 6, 8] x) => (float[N, 6, 8] y)
<float[8] scale, float[8] shift, float[8, 16] up, float[16, 8] down>
{ n = LayerNormalization<axis = -1>(x, scale, shift) u = MatMul(n, up) a = Relu(u)
  f = MatMul(a, down) [res] s = Add(x, f) y = Tanh(s) }`;

const folder = temporaryFolder();
const nothing = () => "";

/** A folder for a recipe, with the files that it begins with. */
function kitchen(title: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  const place = path.join(folder, title.replaceAll(" ", "-"));
  fs.mkdirSync(place);
  for (const [name, bytes] of Object.entries(files))
    fs.writeFileSync(path.join(place, name), bytes);
  return place;
}

const cook = (title: string, place: string, runs: Parameters<typeof follow>[2] = {}) =>
  follow(recipes.get(title)!, place, { npm: nothing, ...runs });

const caseOf = (name: string) =>
  fs.readFileSync(path.join(import.meta.dirname, "cases/finetuning", name));

/** Numbers of a shape, as a wave. */
const wave = (dims: readonly number[], speed = 0.37): NpyArray => {
  const size = dims.reduce((a, b) => a * b, 1);
  return [Float32Array.from({ length: size }, (_, k) => Math.sin(k * speed)), dims];
};
const labels = (count: number, classes: number): NpyArray => [
  BigInt64Array.from({ length: count }, (_, k) => BigInt(k % classes)),
  [count],
];
const images = (count: number, side: number, classes: number) =>
  npzOf({ x: wave([count, 3, side, side]), labels: labels(count, classes) }, 0);

/** The first output of a model on one input. */
async function outputOf(file: string, name: string, [data, dims]: NpyArray): Promise<number[]> {
  const session = await sessionOn(file);
  const outputs = await session.run({
    [name]: new ort.Tensor("float32", data as Float32Array, dims),
  });
  return Array.from(outputs[session.outputNames[0]].data as Float32Array);
}
const furthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k])));

it("each recipe of the page has a test", () => {
  expect([...recipes.keys()]).toEqual([
    "A ResNet",
    "A ViT",
    "A GPT",
    "A model in int8",
    "A browser app with a worker",
    "One model with many adapters",
    "Exporting from PyTorch",
    "An adapter back to PyTorch",
  ]);
});

describe("recipes, as the page has them", { timeout: 240_000 }, () => {
  it("A ResNet", async () => {
    const data = { "train.npz": images(16, 16, 5), "val.npz": images(8, 16, 5) };
    const place = kitchen("resnet", { "resnet.onnx": caseOf("small-resnet.onnx"), ...data });
    await cook("A ResNet", place);
    const [given, tuned, deployed] = ["resnet", "tuned", "deploy"].map((name) =>
      path.join(place, `${name}.onnx`),
    );
    const x = wave([2, 3, 16, 16]);
    const [before, after, folded] = await Promise.all(
      [given, tuned, deployed].map((file) => outputOf(file, "x", x)),
    );
    expect(furthest(before, after)).toBeGreaterThan(1e-3);
    expect(furthest(after, folded)).toBeLessThan(1e-5);
    const nodes = async (file: string) => (await openModel(file)).file.graph.nodes.length;
    expect(await nodes(tuned)).toBeGreaterThan(await nodes(given));
    expect(await nodes(deployed)).toBe(await nodes(given));
  });

  it.runIf(isNightly)("A ViT", async () => {
    const data = npzOf({ input: wave([4, 3, 32, 32]), labels: labels(4, 1000) }, 0);
    const place = kitchen("vit", { "vit.onnx": vitTiny(32, 4), "train.npz": data });
    await cook("A ViT", place);
    const tuned = await openModel(path.join(place, "tuned.onnx"));
    const names = tuned.file.graph.nodes.flatMap(
      ({ name }) => /blocks\.(\d+)\/Add(_1)?\.laurel/.exec(name)?.[1] ?? [],
    );
    expect([...new Set(names)]).toEqual(["8", "9", "10", "11"]);
    const read = (name: string) => fs.readFileSync(path.join(place, name));
    expect(read("again.onnx").equals(read("tuned.onnx"))).toBe(true);
    expect((await strip(tuned)).model.toBytes().length).toBe(read("vit.onnx").length);
  });

  it("A GPT", async () => {
    const words = ["[UNK]", "the", "cat", "dog", "sat", "ran", "on", "mat", "."];
    const model = {
      type: "WordPiece",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, k) => [word, k])),
      unk_token: "[UNK]",
    };
    const tokenizer = {
      version: "1.0",
      truncation: null,
      padding: null,
      post_processor: null,
      decoder: null,
      added_tokens: [{ id: 0, content: "[UNK]", special: true }],
      normalizer: { type: "Lowercase" },
      pre_tokenizer: { type: "Whitespace" },
      model,
    };
    const place = kitchen("gpt", {
      "gpt.onnx": caseOf("causal-lm.onnx"),
      "tokenizer.json": JSON.stringify(tokenizer),
      "text.txt": "The cat sat on the mat.\nThe dog ran.\n".repeat(8),
    });
    const script = path.join(import.meta.dirname, "recipes/text-to-npz.mjs");
    const node = program(process.execPath, place);
    await cook("A GPT", place, { node: ([, ...words]) => node([script, ...words]) });
    const log = JSON.parse(fs.readFileSync(path.join(place, "tuned.json"), "utf8"));
    const [first, second] = log.epochs;
    expect(second.train.loss).toBeLessThan(first.train.loss);
    expect(second.train.metrics.perplexity).toBeCloseTo(Math.exp(second.train.loss), 6);
  });

  it("A model in int8", async () => {
    const place = kitchen("int8", {
      "int8.onnx": fixture("qdq-around-the-sum"),
      "float.onnx": fixture("resnet-basic-block"),
      "train.npz": npzOf({ image: wave([8, 8, 6, 6]), y: wave([8, 8, 6, 6], 0.11) }, 0),
    });
    const python = isNightly ? judgePython() : null;
    await cook("A model in int8", place, { python: python ? program(python, place) : nothing });
    const x = wave([1, 8, 6, 6]);
    const [before, after] = await Promise.all(
      ["int8", "int8.tuned"].map((name) => outputOf(path.join(place, `${name}.onnx`), "image", x)),
    );
    expect(furthest(before, after)).toBeGreaterThan(0);
    if (python) expect(fs.existsSync(path.join(place, "deploy.int8.onnx"))).toBe(true);
  });

  it("One model with many adapters", async () => {
    const data = (speed: number) => npzOf({ x: wave([8, 6, 8]), y: wave([8, 6, 8], speed) }, 0);
    const place = kitchen("adapters", {
      "model.onnx": modelOfText(BLOCK),
      "a.npz": data(0.1),
      "b.npz": data(0.9),
    });
    linkPackages(place, ["laurelize", "onnxruntime-node", "onnxruntime-common"]);
    const said = await cook("One model with many adapters", place, {
      node: program(process.execPath, place),
    });
    const half: NpyArray = [new Float32Array(48).fill(0.5), [1, 6, 8]];
    const lines = said.get("node serve.mjs")!.trim().split("\n");
    for (const [k, name] of ["a", "b"].entries()) {
      const [first] = await outputOf(path.join(place, `${name}.onnx`), "x", half);
      expect(lines[k]).toBe(`${name} ${first}`);
    }
    expect(lines[0].slice(2)).not.toBe(lines[1].slice(2));
  });

  it.runIf(isNightly && testBrowser)("A browser app with a worker", async () => {
    const place = kitchen("worker", { "model.onnx": modelOfText(BLOCK) });
    linkPackages(place, ["laurelize", "vite", "onnxruntime-web", "onnxruntime-common"]);
    const { build } = await import("vite");
    const vite = async () => {
      const configFile = path.join(place, "vite.config.js");
      await build({ root: place, configFile, logLevel: "error", build: { minify: false } });
      return "";
    };
    await cook("A browser app with a worker", place, { "npx vite": vite });
    const { url, close } = await serveFolder(path.join(place, "dist"));
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`${url}index.html`);
      await page.waitForFunction("window.run");
      const x = wave([1, 6, 8]);
      const values: number[] = await page.evaluate(
        `window.run(Float32Array.from([${x[0]}]), [1, 6, 8]).then((values) => [...values])`,
      );
      const expected = await outputOf(path.join(place, "model.onnx"), "x", x);
      expect(furthest(values, expected)).toBeLessThan(2e-6);
    } finally {
      await browser.close();
      close();
    }
  });
});

describe.runIf(isNightly)("recipes of PyTorch", { timeout: 600_000 }, () => {
  const python = judgePython();
  const data = { x: wave([16, 8]), y: wave([16, 8], 0.9) };
  const place = kitchen("torch", { "torch.npz": npzOf(data, 0) });

  it.runIf(python)("Exporting from PyTorch, and An adapter back to PyTorch", async () => {
    const runs = { python: program(python!, place) };
    const said = await cook("Exporting from PyTorch", place, runs);
    expect([...said.values()].join()).toContain("2 residual sums");
    const loaded = await cook("An adapter back to PyTorch", place, runs);
    const [, difference] = /largest difference (\S+)/.exec(loaded.get("python load.py")!)!;
    expect(Number(difference)).toBeLessThan(2e-6);
  });
});
