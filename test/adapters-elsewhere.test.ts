import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import {
  type Adapter,
  adapterBytes,
  applyAdapter,
  averageAdapters,
  combineAdapters,
  extractAdapter,
  laurelize,
  type Model,
  openAdapter,
  openModel,
  peftConfig,
  saveAdapter,
  saveModel,
  strip,
  type VariantName,
  weightsAsOptionalInputs,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { judgePython } from "./support/judge.ts";
import { sessionOn } from "./support/session.ts";
import { tuned } from "./support/tuned.ts";

const scratch = temporaryFolder();
const python = judgePython();
const time = { timeout: 60_000 };
let count = 0;
const newFolder = () => fs.mkdtempSync(path.join(scratch, `${count++}-`));

/** A laurelized fixture, and trained forms of it. */
async function trainings(name: string, options: object = {}, seeds: readonly number[] = [1, 2, 3]) {
  const plain = await openModel(fixture(name));
  const { model } = await laurelize(plain, { ort, rank: 3, ...options });
  const models = seeds.map((seed) => tuned(model, seed));
  const adapters = await Promise.all(models.map((each) => extractAdapter(each)));
  return { plain, model, models, adapters };
}

/** The numbers of each tensor, in the order of the tensors' names. */
const floats = ({ tensors }: Adapter) =>
  [...tensors]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ data }) => [...new Float32Array(new Uint8Array(data).buffer)]);

/** Each number of the weighted sum, computed apart and rounded once. */
const expected = (adapters: readonly Adapter[], weights: readonly number[]) =>
  floats(adapters[0]).map((tensor, t) =>
    tensor.map((_, k) =>
      Math.fround(adapters.reduce((sum, each, n) => sum + weights[n] * floats(each)[t][k], 0)),
    ),
  );

describe("adapters that were trained in several places", time, () => {
  it("are averaged, equally or by their numbers of examples", async () => {
    const { plain, adapters } = await trainings("pre-norm-transformer");
    const mean = averageAdapters(adapters);
    expect(floats(mean)).toEqual(expected(adapters, [1 / 3, 1 / 3, 1 / 3]));
    expect(mean.examples).toBeUndefined();
    const counted = adapters.map((each, k) => ({ ...each, examples: [10, 30, 60][k] }));
    const read = await Promise.all(counted.map((each) => openAdapter(adapterBytes(each))));
    expect(read.map(({ examples }) => examples)).toEqual([10, 30, 60]);
    const weighed = averageAdapters(read);
    expect(floats(weighed)).toEqual(expected(adapters, [0.1, 0.3, 0.6]));
    expect(weighed.examples).toBe(100);
    expect(floats(averageAdapters(read, { equal: true }))).toEqual(floats(mean));
    expect(floats(averageAdapters([counted[0], adapters[1]]))).toEqual(
      expected(adapters.slice(0, 2), [0.5, 0.5]),
    );
    const applied = await applyAdapter(plain, weighed, { ort });
    expect(floats(await extractAdapter(applied))).toEqual(floats(weighed));
  });

  it("are added up with weights, in half precision rounded once", async () => {
    const { adapters } = await trainings("pre-norm-transformer");
    const [a, b] = adapters;
    expect(floats(combineAdapters([a, b], [0.7, -0.3]))).toEqual(expected([a, b], [0.7, -0.3]));
    expect(floats(combineAdapters([a], [1]))).toEqual(floats(a));
    const half = await trainings("bottleneck-half-precision");
    const same = averageAdapters([half.adapters[0], half.adapters[0], half.adapters[0]]);
    expect(Buffer.from(adapterBytes(same))).toEqual(Buffer.from(adapterBytes(half.adapters[0])));
  });

  it("are refused if they do not fit each other, or their sum is not finite", async () => {
    const { adapters } = await trainings("pre-norm-transformer");
    const [a, b] = adapters;
    const other = await trainings("pre-norm-mlp");
    expect(() => averageAdapters([a, other.adapters[0]])).toThrow(/cannot be combined: .*SHA/);
    const wide = await trainings("pre-norm-transformer", { rank: 4 });
    expect(() => averageAdapters([a, wide.adapters[0]])).toThrow(
      /rank 3, but the adapter's model with 4/,
    );
    const fewer = { ...b, name: "b", tensors: b.tensors.slice(1) };
    expect(() => averageAdapters([a, fewer])).toThrow(/b does not have the tensor .*w/);
    const head = { name: "head", dtype: "float", dims: [1], data: new Uint8Array(4) };
    const more = { ...b, tensors: [...b.tensors, head] };
    expect(() => averageAdapters([a, more])).toThrow(/does not have the tensor head/);
    expect(() => combineAdapters([a, b], [1e39, 1e39])).toThrow(/not finite in float/);
    expect(() => combineAdapters([a, b], [1])).toThrow(TypeError);
    expect(() => averageAdapters([])).toThrow(TypeError);
  });

  it("by the command line", async () => {
    const { adapters } = await trainings("pre-norm-mlp");
    const folder = newFolder();
    const files = adapters.map((_, k) => path.join(folder, `${k}.safetensors`));
    for (const [k, each] of adapters.entries())
      await saveAdapter({ ...each, examples: k + 1 }, files[k]);
    const out = path.join(folder, "out.safetensors");
    const averaged = cli(["average", ...files, "-o", out]);
    expect(averaged).toMatchObject({ code: 0, stderr: "" });
    expect(averaged.stdout).toMatch(/^0\.166667 × .*0\.safetensors\n(?:.*\n)*wrote .*3 tensors\n$/);
    expect(floats(await openAdapter(out))).toEqual(expected(adapters, [1 / 6, 2 / 6, 3 / 6]));
    expect(cli(["average", ...files, "-o", out])).toMatchObject({ code: 2 });
    const weights = [`${files[0]}=0.7`, `${files[1]}=0.4`];
    const combined = cli(["combine", ...weights, "-o", out, "-f", "--json"]);
    expect(JSON.parse(combined.stdout)).toMatchObject({ sum: 1.1, tensors: 3, output: out });
    expect(floats(await openAdapter(out))).toEqual(expected(adapters.slice(0, 2), [0.7, 0.4]));
    for (const [args, why] of [
      [["combine", files[0], "-o", out, "-f"], /has no weight; give each adapter a number/],
      [["combine", `${files[0]}=x`, "-o", out, "-f"], /has no weight/],
      [["combine", `${files[0]}=1`, "-o", files[0], "-f"], /is the input itself/],
      [["average", files[0]], /output/],
    ] as const) {
      const { code, stderr } = cli(args);
      expect([code, stderr]).toEqual([2, expect.stringMatching(why)]);
    }
  });
});

describe("a .safetensors adapter", time, () => {
  it("has a configuration beside it as PEFT's have, if that is asked for", async () => {
    const { models, plain, adapters } = await trainings("pre-norm-mlp");
    const folder = newFolder();
    const [model, out] = ["tuned.onnx", "adapter_model.safetensors"].map((n) =>
      path.join(folder, n),
    );
    await saveModel(models[0], model);
    const how = ["extract", model, "-o", out, "--peft", "--base-model", "me/mlp"];
    expect(cli(how)).toMatchObject({ code: 0, stderr: "" });
    expect(fs.readdirSync(folder).sort()).toEqual([
      "adapter_config.json",
      path.basename(out),
      "tuned.onnx",
    ]);
    const config = JSON.parse(fs.readFileSync(path.join(folder, "adapter_config.json"), "utf8"));
    expect(config).toEqual(peftConfig(adapters[0], "me/mlp"));
    expect(config).toMatchObject({
      peft_type: "LAUREL",
      base_model_name_or_path: "me/mlp",
      r: 3,
      target_modules: adapters[0].laurelizations[0].sites.map(({ name }) => name),
      modules_to_save: null,
    });
    expect(
      peftConfig((await trainings("pre-norm-mlp", { variant: "rw" })).adapters[0]).r,
    ).toBeNull();
    expect(cli(how)).toMatchObject({ code: 2, stderr: expect.stringContaining("--force") });
    const opened = await applyAdapter(plain, await openAdapter(out), { ort });
    expect(Buffer.compare(opened.toBytes(), models[0].toBytes())).toBe(0);
  });

  it.skipIf(!python)("opens in Python's safetensors, number by number", async () => {
    const { adapters } = await trainings("pre-norm-transformer", { variant: "rw+lr+pa" });
    const file = path.join(newFolder(), "a.safetensors");
    await saveAdapter(adapters[0], file);
    const script = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    print(json.dumps({k: f.get_tensor(k).astype("float64").ravel().tolist() for k in f.keys()}))`;
    const theirs = JSON.parse(execFileSync(python!, ["-c", script, file], { encoding: "utf8" }));
    const names = adapters[0].tensors.map(({ name }) => name).sort();
    const numbers = floats(adapters[0]);
    expect(theirs).toEqual(Object.fromEntries(names.map((name, k) => [name, numbers[k]])));
  });
});

describe("onnxruntime's adapter file", time, () => {
  const read = async (adapter: Adapter) =>
    openAdapter(adapterBytes(adapter, { format: "onnx_adapter" }));
  const byName = ({ tensors }: Adapter) =>
    new Map(tensors.map(({ name, dtype, dims, data }) => [name, { dtype, dims, data: [...data] }]));

  it.each<[string, VariantName]>([
    ["pre-norm-transformer", "rw+lr+pa"],
    ["bottleneck-half-precision", "rw+lr"],
    ["resnet-basic-block", "rw"],
  ])("of %s, %s, is written and read, its values aligned by 8 bytes", async (name, variant) => {
    const { model, models, plain, adapters } = await trainings(name, { variant });
    const bytes = Buffer.from(adapterBytes(adapters[0], { format: "onnx_adapter" }));
    expect(bytes.subarray(4, 8).toString()).toBe("TORT");
    const back = await read(adapters[0]);
    expect(byName(back)).toEqual(byName(adapters[0]));
    for (const { data } of back.tensors.filter(({ data }) => data.length > 8))
      expect(bytes.indexOf(data) % 8).toBe(0);
    const reversed = { ...adapters[0], tensors: [...adapters[0].tensors].reverse() };
    expect(Buffer.from(adapterBytes(reversed, { format: "onnx_adapter" }))).toEqual(bytes);
    const applied = await applyAdapter(model, back, { ort });
    expect(Buffer.compare(applied.toBytes(), models[0].toBytes())).toBe(0);
    await expect(applyAdapter(plain, back, { ort })).rejects.toThrow(/give the laurelized model/);
    expect(() => adapterBytes(back)).toThrow(/does not say which model it is for/);
  });

  it("is refused in one sentence if it is damaged, wherever it is cut or changed", async () => {
    const { adapters } = await trainings("pre-norm-mlp");
    const bytes = adapterBytes(adapters[0], { format: "onnx_adapter" });
    for (let length = 8; length < bytes.length; length += 7)
      await expect(openAdapter(bytes.slice(0, length)), `${length}`).rejects.toMatchObject({
        name: "InputError",
      });
    for (let at = 8; at < bytes.length; at += 3) {
      const changed = bytes.slice();
      changed[at] ^= 0xff;
      const error = await openAdapter(changed).then(
        () => null,
        (error) => error,
      );
      expect(error?.name ?? "InputError", `byte ${at}: ${error}`).toBe("InputError");
    }
    const other = bytes.slice();
    other.set([0x58], 4);
    await expect(openAdapter(other)).rejects.toThrow(/not a \.safetensors file/);
  });

  it("overrides optional inputs, whose defaults stay in the model", async () => {
    const { model, models, plain, adapters } = await trainings("pre-norm-transformer");
    const served = await applyAdapter(plain, adapters[0], { ort, weights: "as-optional-inputs" });
    const names = adapters[0].tensors.map(({ name }) => name);
    const inputs = served.file.graph.inputs.map(({ name }) => name);
    expect(inputs.slice(-names.length).sort()).toEqual([...names].sort());
    expect(await outputs(served)).toEqual(await outputs(models[0]));
    expect(Buffer.from(adapterBytes(await extractAdapter(served)))).toEqual(
      Buffer.from(adapterBytes(adapters[0])),
    );
    const again = weightsAsOptionalInputs(served, names);
    expect(Buffer.compare(again.toBytes(), served.toBytes())).toBe(0);
    await expect(strip(served)).rejects.toThrow(/was rewritten by another tool/);
    expect(() => weightsAsOptionalInputs(model, ["nothing"])).toThrow(/no weight nothing/);
    const old = await trainings("opset-7-forms");
    expect(() => weightsAsOptionalInputs(old.model, [old.adapters[0].tensors[0].name])).toThrow(
      /IR version 3, in which inputs cannot have defaults/,
    );
    await expect(
      applyAdapter(plain, adapters[0], { ort, weights: "optional" as never }),
    ).rejects.toThrow(/weights must be inside, as-inputs or as-optional-inputs/);
  });

  it.skipIf(!python)(
    "is loaded by Python's onnxruntime, and gives the tuned models' outputs bit for bit",
    async () => {
      const { plain, models, adapters } = await trainings("pre-norm-transformer");
      const folder = newFolder();
      const at = (name: string) => path.join(folder, name);
      await saveModel(plain, at("plain.onnx"));
      await saveModel(models[0], at("0.onnx"));
      await saveModel(models[1], at("1.onnx"));
      await saveAdapter(adapters[0], at("0.safetensors"));
      const served = ["apply", at("plain.onnx"), at("0.safetensors"), "-o", at("served.onnx")];
      expect(cli([...served, "--weights", "as-optional-inputs"])).toMatchObject({ code: 0 });
      const how = ["extract", at("1.onnx"), "-o", at("1.onnx_adapter")];
      expect(cli(how)).toMatchObject({ code: 0, stderr: "" });
      const script = path.join(import.meta.dirname, "judge/adapter.py");
      const judged = execFileSync(
        python!,
        [script, at("served.onnx"), at("0.onnx"), at("1.onnx"), at("1.onnx_adapter")],
        { encoding: "utf8" },
      );
      expect(JSON.parse(judged)).toEqual({ default: true, overridden: true, differ: true });
      const back = at("back.onnx");
      cli(["apply", at("0.onnx"), at("1.onnx_adapter"), "-o", back]);
      expect(fs.readFileSync(back)).toEqual(fs.readFileSync(at("1.onnx")));
    },
  );
});

/** The outputs of a model on fixed numbers, as bytes. */
async function outputs(model: Model) {
  const session = await sessionOn(model.toBytes(), {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  const feeds: Record<string, ort.Tensor> = {};
  const own = new Set(model.graph.main.inputs.map(({ name }) => name));
  for (const port of session.inputMetadata) {
    if (!port.isTensor || !own.has(port.name)) continue;
    const dims = port.shape.map((dim) => (typeof dim === "number" ? dim : 3));
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, k) =>
      Math.sin(k + 1),
    );
    feeds[port.name] = new ort.Tensor("float32", data, dims);
  }
  return Object.values(await session.run(feeds)).map(({ data }) =>
    Buffer.from((data as Float32Array).slice().buffer),
  );
}
