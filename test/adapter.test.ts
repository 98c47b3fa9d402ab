import fs from "node:fs";
import path from "node:path";
import {
  adapterBytes,
  adapterFeeds,
  applyAdapter,
  extractAdapter,
  laurelize,
  openAdapter,
  openModel,
  saveAdapter,
  saveModel,
  strip,
  trainableWeights,
  type VariantName,
  weightOf,
  weightsAsInputs,
  withWeights,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { corpus, fixture, temporaryFolder } from "./support/fixture.ts";
import { sessionOn } from "./support/session.ts";
import { tuned } from "./support/tuned.ts";

const { onnx } = onnxProto;
const scratch = temporaryFolder();
let count = 0;
const newFolder = () => fs.mkdtempSync(path.join(scratch, `${count++}-`));
const time = { timeout: 60_000 };

const same = (a: Uint8Array, b: Uint8Array, what = "") =>
  expect(Buffer.compare(a, b), what).toBe(0);

/** Every output of the model on made-up numbers, as bytes; further feeds as they are given. */
async function run(bytes: Uint8Array, more: object = {}, session?: ort.InferenceSession) {
  const at = session ?? (await sessionOn(bytes, { graphOptimizationLevel: "disabled" }));
  const feeds: Record<string, ort.Tensor> = { ...more };
  for (const { name, ...port } of at.inputMetadata) {
    if (name in feeds || !port.isTensor) continue;
    const dims = port.shape.map((dim) => (typeof dim === "number" ? dim : 3));
    const size = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, k) => Math.sin(k + 1));
    feeds[name] = new ort.Tensor("float32", data, dims);
  }
  const results = await at.run(feeds);
  return Object.values(results).map(({ data }) =>
    Buffer.from((data as Float32Array).slice().buffer),
  );
}

describe("an adapter", time, () => {
  it.each<[string, VariantName]>([
    ["pre-norm-mlp", "rw+lr"],
    ["pre-norm-transformer", "rw+lr+pa"],
    ["bottleneck-half-precision", "rw+lr"],
    ["albert-shared-layer", "lr+pa"],
    ["resnet-basic-block", "rw"],
    ["initializers-as-inputs", "rw+lr"],
    ["opset-7-forms", "lr"],
  ])(
    "of %s, %s, is taken out and put back, into the plain and the laurelized model",
    async (name, variant) => {
      const plain = await openModel(fixture(name));
      const { model } = await laurelize(plain, { ort, variant, rank: 3 });
      const laurel = await openModel(model.toBytes());
      const trained = await openModel(tuned(laurel, 1).toBytes());
      const adapter = await openAdapter(adapterBytes(await extractAdapter(trained)));
      for (const into of [laurel, trained, model, plain]) {
        const applied = await applyAdapter(into, adapter, { ort });
        same(applied.toBytes(), trained.toBytes());
        same(adapterBytes(await extractAdapter(applied)), adapterBytes(adapter));
      }
      const [before, after] = [laurel.toBytes(), trained.toBytes()];
      expect(after.length).toBe(before.length);
      const own = trainableWeights(laurel).reduce(
        (n, each) => n + weightOf(laurel, each).data.length,
        0,
      );
      const differing = before.reduce((n, byte, k) => n + Number(byte !== after[k]), 0);
      expect(differing).toBeGreaterThan(own / 4);
      expect(differing).toBeLessThanOrEqual(own);
      same((await strip(trained)).model.toBytes(), plain.toBytes());
    },
  );

  it("of a model laurelized twice", async () => {
    const plain = await openModel(fixture("pre-norm-transformer"));
    const once = await laurelize(plain, { ort, variant: "rw" });
    const twice = await laurelize(once.model, { ort, variant: "lr", again: true, rank: 2 });
    const trained = tuned(twice.model, 2);
    const adapter = await extractAdapter(trained);
    same((await applyAdapter(plain, adapter, { ort })).toBytes(), trained.toBytes());
    await expect(applyAdapter(once.model, adapter, { ort })).rejects.toThrow(
      /laurelized once, but the model of model 2 times/,
    );
  });

  it("of sites that were chosen, and found by options, finds them again", async () => {
    const plain = await openModel(fixture("squeeze-excite-residual"));
    const { model, plan } = await laurelize(plain, { ort, also: ["se"], featureAxis: 1, last: 1 });
    expect(plan.sites).toHaveLength(1);
    const trained = tuned(model, 3);
    const applied = await applyAdapter(plain, await extractAdapter(trained), { ort });
    same(applied.toBytes(), trained.toBytes());
  });

  it("holds further weights if it is asked to, kept as fields of numbers or as Constant nodes", async () => {
    const proto = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    const { initializer, node } = proto.graph!;
    const [last, up] = ["last", "up"].map((name) => initializer!.find((it) => it.name === name)!);
    const numbers = ({ rawData }: typeof last) => [
      ...new Float32Array(new Uint8Array(rawData!).buffer),
    ];
    last.floatData = numbers(last);
    Reflect.deleteProperty(last, "rawData");
    initializer!.splice(initializer!.indexOf(up), 1);
    const attribute = onnx.AttributeProto.create({
      name: "value",
      type: 4,
      t: { ...up, name: "" },
    });
    node!.unshift(
      onnx.NodeProto.create({ opType: "Constant", output: ["up"], attribute: [attribute] }),
    );
    const plain = await openModel(onnx.ModelProto.encode(proto).finish());
    const { model } = await laurelize(plain, { ort });
    const trained = tuned(model, 4, ["last", "u*"]);
    const adapter = await extractAdapter(trained, { train: ["{last,up}"] });
    expect(adapter.tensors.map(({ name }) => name).slice(-2)).toEqual(["last", "up"]);
    const applied = await applyAdapter(plain, adapter, { ort });
    same(applied.toBytes(), trained.toBytes());
    expect((await run(applied.toBytes()))[0]).not.toEqual((await run(plain.toBytes()))[0]);
    expect(weightOf(trained, "last").data).not.toEqual(weightOf(model, "last").data);
    expect(() => trainableWeights(model, ["nothing*"])).toThrow(/nothing\* does not match any/);
    await expect(strip(trained)).rejects.toThrow(/training changed its old weights/);
  });

  it("serves as inputs: two adapters from one session, bit for bit the two tuned models", async () => {
    const plain = await openModel(fixture("pre-norm-transformer"));
    const { model } = await laurelize(plain, { ort, variant: "rw+lr+pa", rank: 4 });
    const trained = [tuned(model, 5), tuned(model, 6)];
    const adapters = await Promise.all(trained.map((each) => extractAdapter(each)));
    const served = await applyAdapter(plain, adapters[0], { ort, weights: "as-inputs" });
    const session = await sessionOn(served.toBytes(), {
      graphOptimizationLevel: "disabled",
    });
    const own = plain.graph.main.inputs.map(({ name }) => name);
    expect(session.inputNames.slice(0, own.length)).toEqual(own);
    expect(session.inputNames).toHaveLength(own.length + adapters[0].tensors.length);
    const outputs = [];
    for (const k of [0, 1, 0]) {
      const output = await run(served.toBytes(), adapterFeeds(adapters[k], { ort }), session);
      expect(output).toEqual(await run(trained[k].toBytes()));
      outputs.push(output);
    }
    expect(outputs[0]).not.toEqual(outputs[1]);
    await expect(extractAdapter(served)).rejects.toThrow(/takes its LAuReL weights as inputs/);
    await expect(strip(served)).rejects.toThrow(/takes its LAuReL weights as inputs/);
    expect(() => weightsAsInputs(model, ["nothing"])).toThrow(/no weight nothing/);
  });

  it.each(["initializers-as-inputs", "opset-7-forms"])(
    "serves as inputs of %s, of IR 3, where weights are inputs or Constant nodes",
    async (name) => {
      const { model } = await laurelize(await openModel(fixture(name)), { ort });
      const trained = tuned(model, 7, ["up"]);
      const adapter = await extractAdapter(trained, { train: ["up"] });
      const served = (await applyAdapter(model, adapter, { ort, weights: "as-inputs" })).toBytes();
      const feeds = adapterFeeds(adapter, { ort });
      expect(await run(served, feeds)).toEqual(await run(trained.toBytes()));
    },
  );
});

/** Whether onnxruntime runs the model in the file as it does the bytes. */
async function expectAlike(file: string, model: Uint8Array) {
  const level = { graphOptimizationLevel: "disabled" } as const;
  const session = await sessionOn(file, level);
  expect(await run(new Uint8Array(), {}, session)).toEqual(await run(model));
  await session.release();
}

describe("an adapter of a model with weights in data files", time, () => {
  /** A laurelized model, its large new weights in a file beside it, and the same in one file. */
  async function external() {
    const folder = newFolder();
    const at = (name: string) => path.join(folder, name);
    fs.writeFileSync(at("model.onnx"), fixture("pre-norm-mlp"));
    expect(cli([at("model.onnx"), "-q", "--external-data"]).code).toBe(0);
    const laurel = await openModel(at("model.laurel.onnx"));
    expect(laurel.dataFiles).toEqual(["model.laurel.onnx.data"]);
    const whole = await laurelize(await openModel(at("model.onnx")), { ort });
    const trained = tuned(whole.model, 9);
    const adapter = at("adapter.safetensors");
    await saveAdapter(await extractAdapter(trained), adapter);
    return { folder, at, laurel, trained, adapter };
  }

  it("goes into a new one, the old one is not touched", async () => {
    const { folder, at, trained, adapter } = await external();
    const old = fs.readFileSync(at("model.laurel.onnx.data"));
    const ran = cli(["apply", at("model.laurel.onnx"), adapter]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(fs.readFileSync(at("model.laurel.onnx.data"))).toEqual(old);
    expect((await openModel(at("model.tuned.onnx"))).dataFiles).toEqual(["model.tuned.onnx.data"]);
    fs.rmSync(at("model.laurel.onnx.data"));
    await expectAlike(at("model.tuned.onnx"), trained.toBytes());
    expect(cli(["extract", at("model.tuned.onnx"), "-o", at("again.safetensors")]).code).toBe(0);
    same(fs.readFileSync(at("again.safetensors")), fs.readFileSync(adapter));
    expect(fs.readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("goes into the model if it is asked to, and into the new file of a plain one", async () => {
    const { at, trained, adapter } = await external();
    const out = at("inside.onnx");
    const apply = (model: string, ...how: string[]) =>
      expect(cli(["apply", at(model), adapter, "-f", "-o", out, ...how])).toMatchObject({
        code: 0,
      });
    apply("model.laurel.onnx", "--no-external-data");
    expect((await openModel(out)).dataFiles).toEqual([]);
    await expectAlike(out, trained.toBytes());
    apply("model.onnx", "--external-data");
    expect((await openModel(out)).dataFiles).toEqual(["inside.onnx.data"]);
    await expectAlike(out, trained.toBytes());
    apply("model.laurel.onnx", "--weights", "as-inputs");
    const served = await openModel(out);
    expect(served.dataFiles).toEqual([]);
    const feeds = adapterFeeds(await openAdapter(adapter), { ort });
    expect(await run(served.toBytes(), feeds)).toEqual(await run(trained.toBytes()));
  });

  it("is replaced in a file that is not yet written", async () => {
    const { at, trained } = await external();
    const plain = await openModel(at("model.onnx"));
    const { model } = await laurelize(plain, { ort, externalData: "new.data" });
    await saveModel(tuned(model, 9), at("new.onnx"));
    expect((await openModel(at("new.onnx"))).dataFiles).toEqual(["new.data"]);
    await expectAlike(at("new.onnx"), trained.toBytes());
  });

  const root = corpus();
  it.skipIf(!root)("of GPT-2, as torch exports it, beside it or with its data copied", async () => {
    const folder = newFolder();
    const elsewhere = newFolder();
    const model = path.join(folder, "gpt2.onnx");
    for (const [from, to] of [
      ["hf_gpt2_external.onnx", "gpt2.onnx"],
      ["hf_gpt2_external.onnx.data", "hf_gpt2_external.onnx.data"],
    ])
      fs.copyFileSync(path.join(root!, "models", from), path.join(folder, to));
    const plain = await openModel(model);
    const { model: laurel } = await laurelize(plain, { ort, rank: 4, externalData: "new.data" });
    const trained = tuned(laurel, 10);
    const adapter = path.join(folder, "gpt2.safetensors");
    await saveAdapter(await extractAdapter(trained), adapter);
    const far = path.join(elsewhere, "tuned.onnx");
    expect(cli(["apply", model, adapter, "-o", far])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--copy-data"),
    });
    expect(fs.readdirSync(elsewhere)).toEqual([]);
    const ran = cli(["apply", model, adapter, "-o", far, "--copy-data"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const applied = await openModel(far);
    expect(applied.dataFiles).toContain("tuned.onnx.data");
    for (const name of trainableWeights(trained))
      expect(weightOf(applied, name).data).toEqual(weightOf(trained, name).data);
    await (await sessionOn(far)).release();
  });
});

describe("an adapter that does not fit", time, () => {
  const made = async (name: string, options: object = {}) => {
    const plain = await openModel(fixture(name));
    const { model } = await laurelize(plain, { ort, ...options });
    return { plain, model, adapter: await extractAdapter(model) };
  };
  const refused = async (
    into: Parameters<typeof applyAdapter>[0],
    adapter: Parameters<typeof applyAdapter>[1],
    why: RegExp,
  ) => {
    const applying = applyAdapter(into, adapter, { ort });
    await expect(applying).rejects.toMatchObject({ name: "InputError" });
    await expect(applying).rejects.toThrow(why);
  };

  it("is distinguished from another model's, variant's, option's and choice's", async () => {
    const { plain, model, adapter } = await made("pre-norm-transformer", { rank: 4 });
    const other = await made("pre-norm-mlp", { rank: 4 });
    await refused(
      other.plain,
      adapter,
      /is not the original of model, because its SHA-256 differs/,
    );
    await refused(other.model, adapter, /was made from another original/);
    const rw = await made("pre-norm-transformer", { variant: "rw" });
    await refused(rw.model, adapter, /has the variant rw, but the adapter rw\+lr/);
    const wide = await made("pre-norm-transformer", { rank: 5 });
    await refused(wide.model, adapter, /laurelized with rank 5, but the adapter's model with 4/);
    const fewer = await made("pre-norm-transformer", { rank: 4, last: 1 });
    await refused(fewer.model, adapter, /has no LAuReL at /);
    await refused(model, fewer.adapter, /has LAuReL at .*, but the adapter's model does not/);
    await refused(
      plain,
      { ...adapter, laurelizations: [{ ...adapter.laurelizations[0], sha256: null }] },
      /does not record its original's SHA-256/,
    );
    const [one] = adapter.laurelizations;
    const renamed = { ...one, sites: one.sites.map((site) => ({ ...site, augmented: "y" })) };
    await refused(plain, { ...adapter, laurelizations: [renamed] }, /this version laurelizes/);
    const gone = { ...one, sites: one.sites.map((site) => ({ ...site, name: "gone" })) };
    await refused(plain, { ...adapter, laurelizations: [gone] }, /this version laurelizes/);
  });

  it("is recognized by its tensors: one too many, another type, another shape", async () => {
    const { model, adapter } = await made("pre-norm-mlp", { rank: 4 });
    const [first, ...rest] = adapter.tensors;
    const changed = (change: object) => ({
      ...adapter,
      tensors: [{ ...first, ...change }, ...rest],
    });
    await refused(
      model,
      changed({ name: "more" }),
      /contains a tensor more, but model has no float/,
    );
    await refused(model, changed({ dtype: "double" }), /is double .* but float /);
    await refused(
      model,
      changed({ dims: [...first.dims, 1] }),
      /is float \[.*, 1\] in .* but float/,
    );
    expect(() => withWeights(model, new Map([["gone", first.data]]))).toThrow(
      /does not have a weight gone/,
    );
    expect(() => withWeights(model, new Map([[first.name, new Uint8Array(3)]]))).toThrow(
      /3 were given/,
    );
  });

  it("and a model without LAuReL has none to extract", async () => {
    const plain = await openModel(fixture("pre-norm-mlp"));
    await expect(extractAdapter(plain)).rejects.toThrow(/is not laurelized/);
  });
});

describe("laurelize extract and apply", time, () => {
  it("make a small file of a tuned model, and the tuned model of it and the plain one", async () => {
    const folder = newFolder();
    const at = (name: string) => path.join(folder, name);
    fs.writeFileSync(at("model.onnx"), fixture("pre-norm-mlp"));
    expect(cli([at("model.onnx"), "-q"]).code).toBe(0);
    const trained = tuned(await openModel(at("model.laurel.onnx")), 8).toBytes();
    fs.writeFileSync(at("trained.onnx"), trained);
    expect(cli(["extract", at("trained.onnx")])).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(
        /^wrote .*trained\.safetensors {3}.* kB, .* weights in 3 tensors\n$/,
      ),
    });
    const adapter = at("trained.safetensors");
    for (const model of ["model.onnx", "model.laurel.onnx"]) {
      expect(cli(["apply", at(model), adapter, "-f"])).toMatchObject({ code: 0, stderr: "" });
      same(fs.readFileSync(at("model.tuned.onnx")), trained);
    }
    const again = cli(["apply", at("model.onnx"), adapter]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("--force") });
    expect(cli(["extract", at("trained.onnx")])).toMatchObject({ code: 2 });
    expect(cli(["extract", at("model.onnx")])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^laurelize: model.onnx is not laurelized, [^\n]+\n$/),
    });
    for (const [into, out] of [
      [at("model.onnx"), at("model.onnx")],
      [at("model.onnx"), adapter],
    ])
      expect(cli(["apply", into, adapter, "-f", "-o", out])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("is the input itself"),
      });
    expect(cli(["apply", at("model.onnx"), at("model.onnx")])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is not a \.safetensors file/),
    });
    expect(cli(["apply", at("model.onnx"), at("gone")])).toMatchObject({ code: 2 });
    const served = at("served.onnx");
    const how = ["--weights", "as-inputs", "-o", served];
    expect(cli(["apply", at("model.onnx"), adapter, ...how])).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(cli(["inspect", served]).stdout).toContain("laurel");
    expect(cli(["strip", served])).toMatchObject({ code: 2 });
    const feeds = adapterFeeds(await openAdapter(adapter), { ort });
    expect(await run(fs.readFileSync(served), feeds)).toEqual(await run(trained));
  });
});
