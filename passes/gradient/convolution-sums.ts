import type { Builder } from "../../src/graph/builder.ts";
import type { Node, Types, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import type { WrittenValues } from "./written-values.ts";

/**
 * Positions of an image from which a product of matrices is as fast as a convolution in onnxruntime's
 * own layout of images.
 */
export const POSITIONS = 400;

/** A node, and the inputs whose cotangents its rule gives; all if there is no list. */
export interface Summand {
  readonly node: Node;
  readonly inputs?: readonly number[];
}

/**
 * Returns what a Conv of concatenated channels, of which only some kernels are trained, is
 * differentiated as: the Conv itself for what it reads, and each trained kernel alone, which leaves out
 * the gradients of frozen ones. Any other node is returned as it is.
 */
export function summands(types: Types, active: ReadonlySet<Value>, node: Node): readonly Summand[] {
  if (node.op !== "Conv" || attributesOf(node).int("group", 1) !== 1) return [{ node }];
  const [x, w] = node.inputs;
  const [parts, kernels] = [x, w].map((value) => concatenated(value!));
  if (!parts || parts.length !== kernels?.length || kernels.every((kernel) => active.has(kernel)))
    return [{ node }];
  const channels = (values: readonly Value[]) =>
    String(values.map((value) => types.get(value)?.shape?.[1]));
  if (channels(parts) !== channels(kernels)) return [{ node }];
  const alone = parts.map((part, k) => ({ ...node, inputs: [part, kernels[k]] }));
  if (parts.filter((part) => active.has(part)).length < 2)
    return [{ node, inputs: [2] }, ...alone.map((node) => ({ node }))];
  // One Conv reads the cotangent, which may be wide, once for all parts.
  return [{ node, inputs: [0, 2] }, ...alone.map((node) => ({ node, inputs: [1] }))];
}

/** Returns the parts of a value that is concatenated along its channels. */
const concatenated = ({ producer }: Value): readonly Value[] | null =>
  producer?.op === "Concat" && attributesOf(producer).int("axis", 0) === 1
    ? (producer.inputs as Value[])
    : null;

/**
 * Writes convolutions with a single position among addends of these sizes as one of concatenated
 * channels, if a kernel of them is trained: onnxruntime runs such a kernel as a product of matrices, and
 * one product that adds up both writes the large sum once. Returns the addends that are left.
 */
export function asOneConvolution(
  { op }: Builder,
  written: Trained,
  addends: readonly string[],
  sizes: readonly number[],
): readonly string[] {
  if (elements(sizes.slice(2)) < POSITIONS) return addends;
  const operands = addends.map((addend) => narrowOperands(written, addend, sizes[1]));
  const convolutions = operands.filter((pair) => pair !== null);
  if (convolutions.length < 2 || !convolutions.some(([, w]) => isTrained(written, w)))
    return addends;
  const parts = [0, 1].map((k) => convolutions.map((pair) => pair[k]));
  const [x, w] = parts.map((values) => op.Concat(values, { axis: 1 }));
  return [op.Conv(x, w), ...addends.filter((_, k) => !operands[k])];
}

/**
 * Adds up addends of these sizes in a Conv among them whose kernel is trained: onnxruntime adds while it
 * computes a Conv with a bias and an activation behind the sum, here one that changes nothing.
 */
export function withSum(
  { op, constant }: Builder,
  written: Trained,
  addends: readonly string[],
  [, channels]: readonly number[],
): readonly string[] {
  const isOpen = (addend: string) => {
    const { op, inputs } = written.makerOf(addend) ?? {};
    return op === "Conv" && !inputs![2] && isTrained(written, inputs![1]);
  };
  const last = addends.findLast(isOpen);
  if (last === undefined || addends.length < 2) return addends;
  const { inputs, attributes } = written.makerOf(last)!;
  const zeros = constant("float", [channels], new Float32Array(channels));
  const rest = addends.filter((addend) => addend !== last).reduce((a, b) => op.Add(a, b));
  const sum = op.Add(op.Conv(inputs[0], inputs[1], zeros, attributes), rest);
  return [op.LeakyRelu(sum, { alpha: float(1) })];
}

type Trained = WrittenValues & { readonly isTrained: (name: string) => boolean };

/** Whether a kernel is trained, or written of one that is. */
function isTrained(written: Trained, name: string): boolean {
  const { op, inputs } = written.makerOf(name) ?? {};
  if (!inputs) return written.isTrained(name);
  const [first, ...others] = inputs;
  return [first, ...(op === "Concat" ? others : [])].some((input) => isTrained(written, input));
}

/** Returns x and w of a convolution with a single position that reads fewer channels than it has. */
function narrowOperands(
  { makerOf, intsOf }: WrittenValues,
  value: string,
  channels: number,
): readonly [x: string, w: string] | null {
  const node = makerOf(value);
  const [x, w, bias] = node?.inputs ?? [];
  const kernel = makerOf(w);
  const shape = kernel?.op === "Reshape" ? intsOf(kernel.inputs[1]) : null;
  const isPlain =
    node?.op === "Conv" &&
    !bias &&
    !("strides" in node.attributes) &&
    node.attributes.group === 1 &&
    shape?.slice(2).every((size) => size === 1) &&
    shape[1] < channels;
  return isPlain ? [x, w] : null;
}
