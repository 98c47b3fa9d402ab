import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { type Ort, openModel, type Proof, type Tensors } from "laurelize";
import ort from "onnxruntime-node";
import * as web from "onnxruntime-web/wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";

/** What a page would be made of: bytes in, proved bytes out, onnxruntime handed in. */
const PAGE = `
import { finetune, findResiduals, fit, laurelize, openModel, tunedModel, prove } from "laurelize";

export async function rewrite(bytes, ort) {
  const model = await openModel(new Blob([bytes]));
  const { sites } = await findResiduals(model, { ort });
  const result = await laurelize(model, { ort, variant: "rw+lr", rank: 4 });
  const proof = await prove(result, { ort, dims: { N: 2 } });
  return { sites: sites.map(({ name }) => name), proof, bytes: result.model.toBytes() };
}

export async function tune(bytes, ort, batches) {
  const { model } = await laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 4 });
  const tuning = finetune(model, { ort, loss: "mse", target: "target", lr: 0.01 });
  const losses = [];
  for await (const { loss } of tuning.over(batches)) losses.push(loss);
  return { losses, bytes: tunedModel(model, tuning.weights).toBytes() };
}

export async function epochs(bytes, ort, data) {
  const { model } = await laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 4 });
  const how = { ort, data: new Blob([data]), loss: "mse", target: "target", batchSize: 2 };
  const part = await fit(model, { ...how, epochs: 1 });
  const { stopped, history, best } = await fit(model, { ...how, epochs: 2, resume: part.checkpoint });
  return { stopped, steps: history.steps.length, loss: best.loss };
}

export const openFile = () => openModel("model.onnx");
`;

interface Page {
  rewrite(
    bytes: Uint8Array,
    ort: Ort,
  ): Promise<{ sites: string[]; proof: Proof; bytes: Uint8Array }>;
  tune(
    bytes: Uint8Array,
    ort: Ort,
    batches: Iterable<Tensors>,
  ): Promise<{ losses: number[]; bytes: Uint8Array }>;
  epochs(
    bytes: Uint8Array,
    ort: Ort,
    data: Uint8Array,
  ): Promise<{ stopped: string; steps: number; loss: number }>;
  openFile(): Promise<unknown>;
}

describe("the public API in a browser", { timeout: 60_000 }, () => {
  const file = path.join(temporaryFolder(), "page.mjs");
  let page: Page;
  let externals: string[];

  beforeAll(async () => {
    const { metafile } = await build({
      stdin: { contents: PAGE, resolveDir: import.meta.dirname },
      bundle: true,
      platform: "browser",
      format: "esm",
      metafile: true,
      logLevel: "silent",
      outfile: file,
    });
    externals = Object.values(metafile.outputs).flatMap((output) =>
      output.imports.map((one) => one.path),
    );
    page = await import(pathToFileURL(file).href);
    web.env.wasm.numThreads = 1;
  });

  it("bundles whole, with nothing of Node in it", () => {
    expect(externals).toEqual([]);
    expect(fs.readFileSync(file, "utf8")).not.toMatch(/["'`]node:\w+/);
  });

  it("rewrites and proves a model under onnxruntime-web", async () => {
    const { sites, proof, bytes } = await page.rewrite(fixture("pre-norm-mlp"), web);
    expect(sites).toEqual(["res"]);
    expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
    expect(proof.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["same function", "right formula", "nothing else changed"]),
    );
    expect(proof.passed).toBe(true);
    const session = await ort.InferenceSession.create(bytes);
    expect(session.outputNames).toEqual(["out"]);
    await session.release();
  });

  it("writes the same bytes as Node does", async () => {
    const { laurelize } = await import("laurelize");
    const model = await openModel(fixture("pre-norm-mlp"));
    const here = (await laurelize(model, { ort, variant: "rw+lr", rank: 4 })).model.toBytes();
    const { bytes } = await page.rewrite(fixture("pre-norm-mlp"), web);
    expect(Buffer.compare(here, bytes)).toBe(0);
  });

  it("fine-tunes a model under onnxruntime-web as under onnxruntime-node", async () => {
    const batches = (runtime: Ort) =>
      Array.from({ length: 12 }, (_, k) => {
        const filled = (label: string) => {
          const next = uniform(k % 3, label);
          const data = Float32Array.from({ length: 2 * 6 * 8 }, () => 2 * next() - 1);
          return new runtime.Tensor("float32", data, [2, 6, 8]);
        };
        return { x: filled("x"), target: filled("target") };
      });
    const bytes = fixture("pre-norm-mlp");
    const there = await page.tune(bytes, web, batches(web));
    const here = await page.tune(bytes, ort, batches(ort));
    expect(there.losses.length).toBe(12);
    expect(there.losses[11]).toBeLessThan(there.losses[2]);
    for (const [k, loss] of there.losses.entries())
      expect(Math.abs(loss - here.losses[k])).toBeLessThan(1e-4 * here.losses[k]);
    const session = await web.InferenceSession.create(there.bytes);
    expect(session.inputNames).toEqual(["x"]);
    await session.release();
  });

  it("trains epochs on a Blob, and resumes them from a checkpoint", async () => {
    const next = uniform(5, "epochs");
    const values = () => Float32Array.from({ length: 6 * 6 * 8 }, () => 2 * next() - 1);
    const data = npzOf({ x: [values(), [6, 6, 8]], target: [values(), [6, 6, 8]] });
    const there = await page.epochs(fixture("pre-norm-mlp"), web, data);
    const here = await page.epochs(fixture("pre-norm-mlp"), ort, data);
    expect(there).toMatchObject({ stopped: "completed", steps: 6 });
    expect(Math.abs(there.loss - here.loss)).toBeLessThan(1e-4 * here.loss);
  });

  it("says that there are no files", async () => {
    await expect(page.openFile()).rejects.toThrow(
      "this environment cannot open files; give the model's bytes",
    );
  });
});
