import fs from "node:fs";
import path from "node:path";
import { differentiate, laurelize, type Model, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort, { type Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { encodeNumbers } from "../src/graph/tensor.ts";
import { dataType } from "../src/onnx/dtypes.ts";
import { tensorOfBytes, toFloat64 } from "../src/ort/tensors.ts";
import { tensorsOfNpz } from "./support/npz.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;

interface Truth {
  readonly model: string;
  readonly file: string;
  readonly npz: string;
  readonly output_name: string;
  readonly suggested_rel_l2_tolerance: Readonly<Record<Point, number>>;
  readonly sites: readonly { readonly output: string; readonly D: number }[];
}
type Point = "start" | "away";

const corpus = process.env.LAURELIZE_CORPUS;
if (!corpus) console.warn("gradients: skipped, LAURELIZE_CORPUS is not set");
const truths: Truth[] = corpus
  ? JSON.parse(fs.readFileSync(path.join(corpus, "gradients/gradients.json"), "utf8"))
  : [];

const RANK = 4;

/** Both points at night, and one of them in `npm test`, mostly that away from the start. */
const pointsOf = (k: number): readonly Point[] => {
  if (isNightly) return ["start", "away"];
  return k % 4 === 1 ? ["start"] : ["away"];
};

/** The parameters of site `s` at a point, in the paper's layout. */
function parametersAt(point: Point, s: number, D: number): Record<string, Float32Array> {
  const away = point === "away";
  const A = Float32Array.from({ length: D * RANK }, (_, k) => {
    const [i, j] = [Math.floor(k / RANK), k % RANK];
    if (away) return Math.sin(1 + i + 7 * j + s) / Math.sqrt(D);
    return i % RANK === j ? 1 / Math.sqrt(RANK * D) : 0;
  });
  const B = Float32Array.from({ length: RANK * D }, (_, k) => {
    const [j, i] = [Math.floor(k / D), k % D];
    return away ? (0.05 * Math.cos(2 + 3 * j + i + s)) / Math.sqrt(RANK) : 0;
  });
  const alpha = away ? 0.9 + 0.01 * (s % 10) : 1;
  const beta = away ? 1.1 - 0.01 * (s % 10) : 1;
  return { alpha: Float32Array.of(alpha), beta: Float32Array.of(beta), A, B };
}

/** A matrix [rows, columns] as the one of a convolution, [columns, rows], and back. */
function turned(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  return matrix.map((_, k) => matrix[(k % rows) * columns + Math.floor(k / rows)]);
}

async function withValues(model: Model, values: ReadonlyMap<string, Float32Array>) {
  const proto = onnx.ModelProto.decode(model.toBytes());
  for (const tensor of proto.graph!.initializer!) {
    const data = values.get(tensor.name!);
    if (data) tensor.rawData = encodeNumbers(dataType(tensor.dataType!)!.name, data);
  }
  return openModel(onnx.ModelProto.encode(proto).finish());
}

/** A tensor in the type of an input: floats as they are, or in half precision. */
const typed = (tensor: Tensor, type: string) =>
  type === "float16" && tensor.type === "float32"
    ? tensorOfBytes(
        ort,
        "float16",
        encodeNumbers("float16", tensor.data as Float32Array),
        tensor.dims,
      )
    : tensor;

async function gradientsOf(truth: Truth, point: Point, file = truth.file) {
  const arrays = tensorsOfNpz(fs.readFileSync(path.join(corpus!, truth.npz)));
  const original = await openModel(path.join(corpus!, file));
  const { model, plan } = await laurelize(original, {
    ort,
    variant: "rw+lr",
    normalize: "none",
    rank: RANK,
  });
  const byOutput = new Map(plan.sites.map((one) => [one.site.output.name, one]));
  const values = new Map<string, Float32Array>();
  const wanted: { key: string; name: string; conv: boolean; D: number }[] = [];
  for (const [s, { output, D }] of truth.sites.entries()) {
    const { parameters } = byOutput.get(output)!;
    const start = parametersAt(point, s, D);
    for (const [role, tensor] of Object.entries(parameters)) {
      const key = role.split(".")[1];
      const conv = tensor.dims.length > 2;
      const rows = key === "A" ? D : RANK;
      values.set(tensor.name, conv ? turned(start[key], rows) : start[key]);
      wanted.push({ key: `${point}:${s}:${key}`, name: tensor.name, conv, D });
    }
  }
  const moved = await withValues(model, values);
  const inputs = Object.entries(arrays).flatMap(([key, tensor]) =>
    key.startsWith("input:") ? [[key.slice("input:".length), tensor] as const] : [],
  );
  const dims = moved.graph.file.graph.inputs.flatMap(({ name, type }) =>
    (type?.tensor?.shape?.dims ?? []).flatMap(({ param }, axis) =>
      param === "" ? [] : [[param, arrays[`input:${name}`].dims[axis]] as const],
    ),
  );
  const output = file === truth.file ? truth.output_name : moved.graph.main.outputs[0].name;
  const result = await differentiate(moved, {
    ort,
    of: [output],
    wrt: wanted.map(({ name }) => name),
    dims: Object.fromEntries(dims),
  });
  const given = [...inputs, [result.cotangents[output]!, arrays.cotangent] as const];
  const session = await sessionOn(result.model.toBytes(), {
    logSeverityLevel: 3,
  });
  const types = new Map(
    session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : ""]),
  );
  const feeds = given.map(([name, tensor]) => [name, typed(tensor, types.get(name)!)]);
  const outputs = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  await session.release();
  const made = { got: floatsOf(outputs[output]), want: floatsOf(arrays[`output:${point}`]) };
  const gradients = wanted.map(({ key, name, conv, D }) => {
    const got = floatsOf(outputs[result.gradients[name]!]);
    const columns = key.endsWith("A") ? RANK : D;
    return { key, got: conv ? turned(got, columns) : got, want: floatsOf(arrays[key]) };
  });
  return { gradients, output: made };
}

const floatsOf = (tensor: Tensor) => Float32Array.from(toFloat64(tensor));

/** ‖got − want‖ / ‖want‖ over some parameters. */
function distance(some: readonly { got: Float32Array; want: Float32Array }[]): number {
  let [off, size] = [0, 0];
  for (const { got, want } of some)
    for (const [k, value] of want.entries()) {
      off += (got[k] - value) ** 2;
      size += value ** 2;
    }
  return Math.sqrt(off / (size || 1));
}

describe.skipIf(!corpus)("gradients of α, β, A, B are another framework's", () => {
  it.for(
    truths.flatMap((truth, k) =>
      // Away from the start every gradient counts: at the start B is 0, and with it that of A.
      pointsOf(k).map((point) => ({ truth, point, model: truth.model })),
    ),
  )("$model, $point", async ({ truth, point }) => {
    const { gradients: all } = await gradientsOf(truth, point);
    expect(all.length).toBe(4 * truth.sites.length);
    for (const { got, want } of all) expect(got.length).toBe(want.length);
    const kinds = ["alpha", "beta", "A", "B"].map((role) => [
      role,
      distance(all.filter(({ key }) => key.endsWith(`:${role}`))),
    ]);
    console.log(truth.model, point, distance(all).toExponential(1), JSON.stringify(kinds));
    expect(distance(all)).toBeLessThanOrEqual(truth.suggested_rel_l2_tolerance[point]);
  });
});

/** Models in half precision, and those that they were made from. */
const HALVES = [
  ["timm_test_resnet", "timm_test_resnet_fp16"],
  ["timm_test_convnext", "timm_test_convnext_half"],
  ["hf_bert", "hf_bert_fp16"],
];

/** How much further than the output gradients may be off: they come through twice the operators, and a sign of a Relu may change. */
const FURTHER = 32;

/** What a whole model in half precision may be off: a few of its last digits. */
const HALF = 2 ** -7;

describe.skipIf(!corpus)("gradients in half precision are those in single precision", () => {
  it.for(
    HALVES.flatMap(([model, half], k) => pointsOf(k).map((point) => ({ model, half, point }))),
  )("$half, $point", async ({ model, half, point }) => {
    const truth = truths.find(({ file }) => file === `models/${model}.onnx`)!;
    const { gradients, output } = await gradientsOf(truth, point, `models/${half}.onnx`);
    const [off, rounding] = [distance(gradients), distance([output])];
    console.log(half, point, off.toExponential(1), "output", rounding.toExponential(1));
    expect(rounding).toBeLessThan(HALF);
    expect(off).toBeLessThanOrEqual(FURTHER * rounding);
  });
});
