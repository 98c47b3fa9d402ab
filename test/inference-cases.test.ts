import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, type ProofOptions, prove } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { typesOf } from "../src/model.ts";
import { dataType, dataTypeNamed } from "../src/onnx/dtypes.ts";
import { openTensor } from "../src/onnx/model-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const { onnx } = onnxProto;
const caseOf = (name: string) =>
  fs.readFileSync(path.join(import.meta.dirname, "cases", `${name}.onnx`));

async function sitesOf(bytes: Uint8Array) {
  const { sites, warnings } = await findResiduals(await openModel(bytes), { ort });
  return { sites: sites.map(({ name, feature }) => [name, feature.axis, feature.size]), warnings };
}

async function proved(bytes: Uint8Array, options: ProofOptions = {}) {
  const result = await laurelize(await openModel(bytes), { ort, rank: 2 });
  const { checks } = await prove(result, { ort, ...options });
  return checks.map(({ name, outcome }) => `${name}: ${outcome}`);
}

const PASSED = ["same function", "right formula", "nothing else changed", "it can learn"].map(
  (name) => `${name}: passed`,
);

describe("the table of data types", () => {
  it("has the 28 types of onnx 1.23, each under its number and name", () => {
    for (let number = 1; number <= 28; number++) {
      const type = dataType(number)!;
      expect(type.number).toBe(number);
      expect(dataTypeNamed(type.name)).toBe(type);
    }
    expect([dataType(0), dataType(29)]).toEqual([null, null]);
    expect([17, 27, 28].map((number) => dataType(number)!.name)).toEqual([
      "float8e4m3fn",
      "float6e2m3",
      "float6e3m2",
    ]);
  });

  it("packs elements of 6 bits as raw data has them: four in three bytes", () => {
    const int32Data = [1, 2, 3, 63, 33];
    const bytes = onnx.TensorProto.encode({ dims: [5], dataType: 27, int32Data }).finish();
    // 000001, 000010, 000011, 111111, 100001, from the least significant bit on.
    const bits = int32Data.map((n) => [...n.toString(2).padStart(6, "0")].reverse().join(""));
    const packed = openTensor(bytes).data;
    const all = [...packed].map((n) => [...n.toString(2).padStart(8, "0")].reverse().join(""));
    expect(all.join("")).toBe(`${bits.join("")}00`);
  });
});

describe("types that onnxruntime does not report", () => {
  it("float8 weights are inferred through, and the result is proved", async () => {
    const bytes = caseOf("float8-weights-dequantized");
    const found = await sitesOf(bytes);
    expect(found).toEqual({
      sites: [
        ["a/res", 2, 8],
        ["b/res", 2, 8],
      ],
      warnings: [],
    });
    expect(await proved(bytes)).toEqual(PASSED);
  });

  it("values keep their own types if two stand for one another", async () => {
    const text = `<ir_version: 10, opset_import: ["" : 21]>
    g (float[N, 8] x) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v, uint8 z = {128}, float s = {0.1}>
    { e = Cast<to = 17>(x) r = Identity(e) b = Cast<to = 1>(r)
      h = MatMul(b, w) q = QuantizeLinear(h, s, z) i = Identity(q) d = DequantizeLinear(i, s, z)
      t = Cast<to = 19>(d) l = CastLike(d, t) u = Cast<to = 1>(l) k = Relu(u)
      four = Cast<to = 22>(k) back = Cast<to = 1>(four) f = MatMul(back, v) [res] y = Add(x, f) }`;
    const model = await openModel(modelOfText(text));
    const { types, warnings } = await typesOf(model, ort);
    expect(warnings).toEqual([]);
    const dtypes = Object.fromEntries([...types].map(([{ name }, { dtype }]) => [name, dtype]));
    expect(dtypes).toMatchObject({
      ...{ e: "float8e4m3fn", r: "float8e4m3fn", b: "float", h: "float", q: "uint8", i: "uint8" },
      ...{ d: "float", t: "float8e5m2", l: "float8e5m2", k: "float", four: "int4", y: "float" },
    });
    expect((await sitesOf(modelOfText(text))).sites).toEqual([["res", 1, 8]]);
  });

  it("bfloat16 beside float16", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (bfloat16[N, 8] x) => (float16[N, 8] z) <bfloat16[8, 8] w, float16[8, 8] v>
      { f = MatMul(x, w) [res] y = Add(x, f) c = Cast<to = 10>(y) k = MatMul(c, v) z = Add(c, k) }`),
    );
    const { types } = await typesOf(model, ort);
    const dtypes = Object.fromEntries([...types].map(([{ name }, { dtype }]) => [name, dtype]));
    expect(dtypes).toMatchObject({ f: "bfloat16", y: "bfloat16", c: "float16", k: "float16" });
  });
});

describe("operators that onnxruntime does not have", () => {
  it("alone in a branch: the If is left out with a warning, its type is its branches'", async () => {
    const bytes = caseOf("residual-with-custom-op-alone-in-a-branch");
    const { sites, warnings } = await sitesOf(bytes);
    expect(sites).toEqual([["y", 1, 8]]);
    expect(warnings).toEqual([
      expect.stringMatching(/my\.ops:MyOp.*; they are inferred without the node of If\.$/),
      expect.stringMatching(/of z\/then_branch .*my\.ops:MyOp.*the model's own value_info is used/),
    ]);
    expect(await proved(bytes, { extent: "sites" })).toEqual([
      "same sum at each site: passed",
      "right formula: passed",
      "nothing else changed: passed",
    ]);
  });

  it("of ai.onnx itself, if one node is unknown: all others are inferred", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] x) => (float[N, 8] z, float[N, 8] o) <float[8, 8] w, float[8, 8] v>
      { f = MatMul(x, w) [res] y = Add(x, f) o = NotThereYet(y) k = MatMul(y, v) [two] z = Add(y, k) }`),
    );
    const { types, warnings } = await typesOf(model, ort);
    const shapes = Object.fromEntries([...types].map(([{ name }, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({ f: ["N", 8], y: ["N", 8], k: ["N", 8], z: ["N", 8] });
    expect(warnings).toEqual([expect.stringContaining("without the node of NotThereYet")]);
  });
});

describe("sizes as onnxruntime treats them", () => {
  it("a negative dim_value is a free dimension", async () => {
    const bytes = caseOf("dim-value-minus-one-as-dynamic");
    expect((await sitesOf(bytes)).sites).toEqual([
      ["a/res", 2, 8],
      ["b/res", 2, 8],
    ]);
    for (const batch of [1, 3])
      expect(await proved(bytes, { dims: { "x.0": batch } })).toEqual(PASSED);
  });

  const withPast = (past: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[B, S, 8] x, float[B, ${past}, 8] past) => (float[B, S, 8] y)
    <float[8, 8] wq, float[8, 8] wk, float[8, 8] wv>
    { all = Concat<axis = 1>(past, x) q = MatMul(x, wq) k = MatMul(all, wk) v = MatMul(all, wv)
      t = Transpose<perm = [0, 2, 1]>(k) s = MatMul(q, t) p = Softmax<axis = -1>(s) f = MatMul(p, v)
      [res] y = Add(x, f) }`);

  it("a dimension of 0, stated or asked for, is a size like any other", async () => {
    expect(await proved(withPast("0"))).toEqual(PASSED);
    expect(await proved(withPast("P"), { dims: { P: 0 } })).toEqual(PASSED);
  });

  it("if every output is empty nothing is proved of learning, and the report says so", async () => {
    const result = await laurelize(await openModel(withPast("P")), { ort, rank: 2 });
    const { checks } = await prove(result, { ort, dims: { S: 0, P: 2 } });
    expect(checks.at(-1)).toEqual({
      name: "it can learn",
      outcome: "not run",
      reason: "every output is empty at these sizes; give other sizes with --dim",
    });
  });
});

describe("names that every object of JavaScript has", () => {
  const named = (x: string, h: string, w: string, y: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N, 8] ${x}) => (float[N, 8] ${y}) <float[8, 8] ${w}, float[8, 8] v>
    { a = MatMul(${x}, ${w}) ${h} = Relu(a) f = MatMul(${h}, v) [res] s = Add(${x}, f) ${y} = MatMul(s, v) }`);

  it.each([
    ["an input", named("constructor", "h", "w", "y")],
    ["an output", named("x", "h", "w", "toString")],
    ["the prototype as an input", named("__proto__", "h", "w", "y")],
    ["the prototype as an output", named("x", "h", "w", "__proto__")],
    ["the prototype inside", named("x", "__proto__", "w", "y")],
    ["the prototype as a weight", named("x", "h", "__proto__", "y")],
    ["all of them", named("hasOwnProperty", "valueOf", "__proto__", "constructor")],
  ])("%s", async (_, bytes) => {
    expect(await proved(bytes)).toEqual(PASSED);
    const { model } = await laurelize(await openModel(bytes), { ort, rank: 2 });
    const session = await sessionOn(model.toBytes());
    const original = await sessionOn(bytes);
    expect(session.outputNames).toEqual(original.outputNames);
    expect(session.inputNames).toEqual(original.inputNames);
  });
});
