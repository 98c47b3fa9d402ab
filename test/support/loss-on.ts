import {
  type FinetuneOptions,
  laurelize,
  type Model,
  openModel,
  stepGraph,
  weightOf,
} from "laurelize";
import ort from "onnxruntime-node";
import { tensorOfBytes } from "../../src/ort/tensors.ts";
import { modelOfText } from "./onnx-text.ts";
import { graphOptimizationLevel, sessionOn } from "./session.ts";

export const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** The scores of every case: 2 sin(1.7 k), as `torch.sin(1.7 * torch.arange(n)).mul(2).float()`. */
export const scores = (dims: readonly number[]) =>
  Float32Array.from({ length: count(dims) }, (_, k) => 2 * Math.sin(1.7 * k));

/** A model whose output is a weight z of this shape, whatever x is. */
function outputIsWeight(dims: readonly number[], opset = 17, ending = "out = Add(z, nil)") {
  const shape = dims.join(", ");
  const values = [...scores(dims)].map((value) => value.toFixed(8)).join(", ");
  return modelOfText(`<ir_version: 8, opset_import: ["" : ${opset}]>
net (float[${dims[0]}, 8] x) => (float[${shape}] out)
<float[8, 16] up, float[16, 8] down, float[1] zero = {0.0}, float[${shape}] z = {${values}}>
{
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  [res] y = Add(x, f)
  mean = ReduceMean<keepdims = 0>(y)
  nil = Mul(mean, zero)
  ${ending}
}`);
}

interface LossOn extends Pick<FinetuneOptions, "loss" | "lossOptions"> {
  readonly dims: readonly number[];
  readonly target: ort.Tensor;
  /** Arrays that options of the loss name, by option. */
  readonly arrays?: Readonly<Record<string, ort.Tensor>>;
  readonly opset?: number;
  readonly ending?: string;
}

const known = new Map<string, Promise<Model>>();

/** The model of `outputIsWeight`, laurelized once for the same text. */
function laurelized(dims: readonly number[], opset?: number, ending?: string): Promise<Model> {
  const key = JSON.stringify([dims, opset, ending]);
  const made =
    known.get(key) ??
    openModel(outputIsWeight(dims, opset, ending))
      .then((original) => laurelize(original, { ort, variant: "rw", featureAxis: 1 }))
      .then(({ model }) => model);
  known.set(key, made);
  return made;
}

/** The loss on `scores`, its gradient by them along cos(k), and the gradient's norm. */
export async function lossOn({ dims, target, arrays = {}, opset, ending, ...how }: LossOn) {
  const model = await laurelized(dims, opset, ending);
  const typeOf = ({ type, dims }: ort.Tensor) => {
    return { dtype: type.replace("float32", "float"), shape: dims };
  };
  const named = Object.entries(arrays);
  const { gradients, gradientOf, loss, examples, metrics } = await stepGraph(model, {
    ort,
    ...how,
    train: ["z"],
    target: { name: "target", type: typeOf(target) },
    arrays: Object.fromEntries(
      named.map(([option, tensor]) => [option, { name: option, type: typeOf(tensor) }]),
    ),
    inputs: { x: [dims[0], 8] },
  });
  const session = await sessionOn(gradients.toBytes(), { graphOptimizationLevel });
  const weights = session.inputNames
    .filter((name) => name !== "x" && name !== "target" && !(name in arrays))
    .map((name) => {
      const { dtype, data, dims } = weightOf(model, name);
      return [name, tensorOfBytes(ort, dtype, data, dims)];
    });
  const x = new ort.Tensor("float32", new Float32Array(dims[0] * 8), [dims[0], 8]);
  const outputs = await session.run({ x, target, ...arrays, ...Object.fromEntries(weights) });
  await session.release();
  const gradient = Array.from(outputs[gradientOf.z].data as Float32Array);
  const scalar = (name: string) => Number(outputs[name].data[0]);
  return {
    figures: [
      scalar(loss),
      gradient.reduce((sum, g, k) => sum + g * Math.cos(k), 0),
      Math.hypot(...gradient),
    ],
    examples: scalar(examples),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, of]) => [name, scalar(of)])),
    gradient,
  };
}
