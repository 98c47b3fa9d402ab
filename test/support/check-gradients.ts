import { differentiate, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort, { type Tensor } from "onnxruntime-node";
import { expect } from "vitest";
import { uniform } from "../../src/graph/random.ts";
import type { Sample, Spec } from "../gradient-samples/sample.ts";
import { modelOfText } from "./onnx-text.ts";
import { graphOptimizationLevel, sessionOn } from "./session.ts";

const { onnx } = onnxProto;

const OPSET = 18;
/** Step and tolerance of a fourth-order difference: rounding / step against step⁴. */
export const NUMERIC = {
  double: { step: 1e-4, tolerance: 1e-7, array: Float64Array, type: "float64" },
  float: { step: 2 ** -7, tolerance: 2e-3, array: Float32Array, type: "float32" },
} as const;
type Numeric = (typeof NUMERIC)[keyof typeof NUMERIC];
type Values = Float64Array;

const shapeOf = (spec: Spec) => ("shape" in spec ? spec.shape : spec);
const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** The model of a sample. */
export function sampleModel({
  text,
  inputs,
  given = "",
  opset = OPSET,
  dtype = "double",
  of = ["y"],
}: Sample) {
  const typed = Object.entries(inputs).map(([name, spec]) => {
    const shape = shapeOf(spec);
    return `${dtype}${shape.length > 0 ? `[${shape}]` : ""} ${name}`;
  });
  const outputs = of.map((name) => `${dtype} ${name}`);
  const proto = onnx.ModelProto.decode(
    modelOfText(
      `<ir_version: 10, opset_import: ["" : ${opset}, "com.microsoft" : 1]> g (${typed}) => (${outputs}) <${given}> { ${text} }`,
    ),
  );
  for (const output of proto.graph!.output!) output.type = null;
  return onnx.ModelProto.encode(proto).finish();
}

/** Values that are apart from each other and from 0, in no order. */
function valuesOf(spec: Spec, label: string, { array }: Numeric): Values {
  const shape = shapeOf(spec);
  const { low, high } = "shape" in spec ? spec : { low: -1.5, high: 1.5 };
  const count = product(shape);
  const next = uniform(7, label);
  const order = Array.from({ length: count }, (_, k) => [next(), k] as const);
  order.sort(([a], [b]) => a - b);
  const step = (high - low) / (count + 1);
  return (array as typeof Float64Array).from(
    order,
    ([, k]) => low + step * (k + 0.6 + 0.2 * next()),
  );
}

const random = (count: number, label: string, { array }: Numeric): Values => {
  const next = uniform(11, label);
  return (array as typeof Float64Array).from({ length: count }, () => 2 * next() - 1);
};

/** A model, and the point at which its gradients are checked. */
export interface Check {
  readonly model: Uint8Array;
  /** The model whose differences are taken, where it is another. */
  readonly forward?: Uint8Array;
  readonly of: readonly string[];
  /** The inputs that gradients are of. */
  readonly point: Readonly<Record<string, { dims: readonly number[]; values: Values }>>;
  /** Other inputs. */
  readonly feeds?: Readonly<Record<string, Tensor>>;
  readonly numeric: Numeric;
}

/** Holds every gradient of a sample against the difference along a random direction. */
export async function checkGradients(sample: Sample): Promise<void> {
  const { inputs, dtype = "double", of = ["y"], absent = [], standsFor } = sample;
  const numeric = NUMERIC[dtype];
  const point = Object.entries(inputs).map(([name, spec]) => {
    const values = valuesOf(spec, name, numeric);
    return [name, { dims: shapeOf(spec), values }] as const;
  });
  const none = await checkModel({
    model: sampleModel(sample),
    ...(standsFor ? { forward: sampleModel({ ...sample, text: standsFor }) } : {}),
    of,
    point: Object.fromEntries(point),
    numeric,
  });
  expect(none).toEqual(absent);
}

/** Holds every gradient of a model against the difference; the inputs that have none. */
export async function checkModel(check: Check): Promise<string[]> {
  const { of, point, feeds = {}, numeric } = check;
  const { type, step, tolerance } = numeric;
  const model = await openModel(check.model);
  const result = await differentiate(model, { ort, wrt: Object.keys(point), of });
  const options = { logSeverityLevel: 4, graphOptimizationLevel } as const;
  const session = await sessionOn(result.model.toBytes(), options);
  const forward = check.forward ? await sessionOn(check.forward, options) : session;
  try {
    const tensor = (values: Values, dims: readonly number[]) =>
      new ort.Tensor(type as "float32", values as unknown as Float32Array, dims);
    const metadata = new Map(
      session.inputMetadata.map((input) => [input.name, input.isTensor ? input.shape : []]),
    );
    const seeds = of.map((name) => {
      const input = result.cotangents[name];
      if (input === null) return { name, values: Float64Array.of(1), feed: [] };
      const dims = metadata.get(input) as number[];
      const values = random(product(dims), `${name} seed`, numeric);
      return { name, values, feed: [[input, tensor(values, dims)] as const] };
    });
    const cotangents = Object.fromEntries(seeds.flatMap(({ feed }) => feed));
    const at = (moved: Readonly<Record<string, Values>>) => {
      const inputs = Object.entries(point).map(
        ([name, { dims, values }]) => [name, tensor(moved[name] ?? values, dims)] as const,
      );
      return { ...feeds, ...Object.fromEntries(inputs) };
    };
    const run = (moved: Readonly<Record<string, Values>>) =>
      forward.run(forward === session ? { ...at(moved), ...cotangents } : at(moved));
    const dot = (outputs: Readonly<Record<string, Tensor>>) =>
      seeds.reduce(
        (sum, { name, values }) =>
          sum + values.reduce((one, v, k) => one + v * Number(outputs[name].data[k]), 0),
        0,
      );
    const whole = await session.run({ ...at({}), ...cotangents });
    for (const [name, { dims, values }] of Object.entries(point)) {
      const output = result.gradients[name];
      if (output === null) continue;
      const gradient = whole[output];
      expect([name, gradient.dims, gradient.type]).toEqual([name, dims, type]);
      const direction = random(values.length, `${name} direction`, numeric);
      const along = async (by: number) =>
        dot(await run({ [name]: values.map((v, k) => v + by * direction[k]) }));
      const near = (await along(step)) - (await along(-step));
      const far = (await along(2 * step)) - (await along(-2 * step));
      const difference = (8 * near - far) / (12 * step);
      const terms = direction.map((u, k) => u * Number(gradient.data[k]));
      const exact = terms.reduce((a, b) => a + b, 0);
      const size = terms.reduce((a, b) => a + Math.abs(b), 0);
      expect(Number.isFinite(exact), `gradient of ${name} is finite`).toBe(true);
      expect(
        Math.abs(exact - difference),
        `gradient of ${name}: ${exact} where the difference is ${difference}`,
      ).toBeLessThanOrEqual(tolerance * Math.max(size, Math.abs(difference), 0.05));
    }
  } finally {
    await session.release();
    if (forward !== session) await forward.release();
  }
  return Object.keys(point).filter((name) => result.gradients[name] === null);
}
