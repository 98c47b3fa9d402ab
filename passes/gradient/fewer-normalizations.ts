import type { Builder } from "../../src/graph/builder.ts";
import type { Node, Types, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { repeats } from "./gradient-node.ts";

/** The types of values, and those that depend on nothing but weights that stay as they are. */
export interface FrozenValues {
  readonly types: Types;
  readonly frozen: ReadonlySet<Value>;
}

/** A BatchNormalization in inference whose statistics are frozen. */
interface Normalization {
  readonly x: Value;
  readonly output: Value;
  readonly channels: number;
  readonly rank: number;
  /** Scale, bias, mean and variance. */
  readonly parameters: readonly Value[];
  readonly epsilon: number;
}

/**
 * Writes one product, x · factor, for a BatchNormalization with trained scale that does nothing
 * else: onnxruntime runs a Mul on all threads, and a BatchNormalization on one. Returns whether the
 * node is one.
 */
export function asProduct(known: FrozenValues, write: Builder, node: Node): boolean {
  const normalization = normalizationOf(known, node);
  if (!normalization || known.frozen.has(normalization.parameters[0])) return false;
  const { x, output, channels, rank, parameters, epsilon } = normalization;
  const [scale, ...rest] = parameters;
  const is = (value: Value, number: number) => repeats(known.types, value, number);
  const [bias, mean, variance] = rest;
  if (!is(bias, 0) || !is(mean, 0) || epsilon !== 0 || !is(variance, 1)) return false;
  write.about(output.name, node);
  const places = new Array(rank - 2).fill(1);
  const factor = singleOf(known, scale) ?? write.to.reshape(scale.name, [channels, ...places]);
  write.into(output.name, "Mul", [x.name, factor]);
  return true;
}

/** Returns the single number that a scale repeats, as it is multiplied by ones; null for any other. */
function singleOf({ types }: FrozenValues, { producer }: Value): string | null {
  if (producer?.op !== "Mul") return null;
  const isSingle = (value: Value) => types.get(value)?.shape?.length === 0;
  const single = bothWays(producer).find(([a, b]) => isSingle(b) && repeats(types, a, 1));
  return single?.[1].name ?? null;
}

/**
 * Writes a Conv for a Conv that only a BatchNormalization reads, all of it frozen, and returns the
 * old one; null if the node is not one. onnxruntime does so itself in inference; here its gradient
 * loses a product.
 */
export function intoConvolution(known: FrozenValues, write: Builder, node: Node): Node | null {
  const normalization = normalizationOf(known, node);
  const conv = normalization && innerNode(normalization.x, "Conv");
  if (!conv) return null;
  const { frozen } = known;
  const [x, w, b] = conv.inputs;
  if (![w, b, ...normalization.parameters].every((value) => !value || frozen.has(value)))
    return null;
  const { output, channels, rank, epsilon } = normalization;
  write.about(output.name, node);
  const { op, to } = write;
  const [scale, bias, mean, variance] = normalization.parameters.map(({ name }) => name);
  const least = write.constant("float", [], [epsilon]);
  const factor = op.Div(scale, op.Sqrt(op.Add(variance, least)));
  const weights = op.Mul(w!.name, to.reshape(factor, [channels, ...new Array(rank - 1).fill(1)]));
  const centered = b ? op.Sub(b.name, mean) : op.Neg(mean);
  const inputs = [x!.name, weights, op.Add(op.Mul(centered, factor), bias)];
  write.into(output.name, "Conv", inputs, convolutionAttributes(conv));
  return conv;
}

/** Returns the attributes of a Conv, to write it again. */
export function convolutionAttributes(conv: Node) {
  const { ints, int, text } = attributesOf(conv);
  const names = ["dilations", "kernel_shape", "pads", "strides"];
  const lists = names.flatMap((name) => (ints(name) ? [[name, ints(name)!]] : []));
  const others = { auto_pad: text("auto_pad", "NOTSET"), group: int("group", 1) };
  return { ...Object.fromEntries(lists), ...others };
}

/** Returns the two operands of a node in both orders. */
export const bothWays = ({ inputs: [a, b] }: Node) =>
  [
    [a!, b!],
    [b!, a!],
  ] as const;

/** Returns the node of an operator that makes a value which is read once; null for any other. */
export const innerNode = ({ producer, isOutput, uses }: Value, op: string) =>
  producer?.op === op && !isOutput && uses.length === 1 ? producer : null;

/** Returns a node as a BatchNormalization in inference; null for any other. */
function normalizationOf({ types, frozen }: FrozenValues, node: Node): Normalization | null {
  if (node.op !== "BatchNormalization" || node.outputs.length > 1) return null;
  const { int, float } = attributesOf(node);
  if (int("training_mode", 0) === 1 || int("spatial", 1) === 0) return null;
  const [x, ...parameters] = node.inputs as Value[];
  const [output] = node.outputs as Value[];
  const { dtype, shape } = types.get(output) ?? {};
  const channels = shape?.[1];
  if (dtype !== "float" || !shape || shape.length < 3 || typeof channels !== "number") return null;
  if (!parameters.slice(1).every((value) => frozen.has(value))) return null;
  return { x, output, channels, rank: shape.length, parameters, epsilon: float("epsilon", 1e-5) };
}
