import type { Writing } from "../../src/graph/builder.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { product } from "./broadcasting.ts";
import type { FrozenGraph } from "./fewer-normalizations.ts";
import { bothWays, innerNode, isPointwise } from "./site-sum.ts";

/** The most channels of a kernel whose gradient takes no longer than a pass over what it reads. */
const WIDEST = 64;

/**
 * Writes (W s) x for Conv(x s, W), where s has a number for each channel of each image, as the gate of
 * squeeze-and-excitation, and W is frozen and has a single position and few channels. The gate then
 * scales the small kernel of each image, and the gradient of the kernel gives that of the gate, so
 * that neither pass multiplies the wide x or its cotangent. Returns the nodes that are replaced.
 */
export function gateIntoKernel(known: FrozenGraph, write: Writing, conv: Node): readonly Node[] {
  const { types, frozen } = known;
  const [gated, weight, bias = null] = conv.inputs;
  const gate = conv.op === "Conv" && gated ? innerNode(gated, "Mul") : null;
  if (!gate || !weight || !isPointwise(known, conv)) return [];
  if ([weight, bias].some((value) => value && !frozen.has(value))) return [];
  const shape = types.get(gated!)?.shape as readonly number[] | null | undefined;
  if (types.get(gated!)?.dtype !== "float" || shape?.length !== 4) return [];
  const [images, channels, ...size] = shape;
  const places = product(size);
  const isOf = (value: Value, sizes: readonly number[]) =>
    String(types.get(value)?.shape) === String(sizes);
  const operands = bothWays(gate).find(
    ([x, scale]) => isOf(x, shape) && isOf(scale, [images, channels, 1, 1]),
  );
  const output = conv.outputs[0]!;
  const kernels = types.get(weight)!.shape![0] as number;
  // The kernels of all images must be small beside x, or scaling them takes as long.
  const isSmall = kernels < channels && kernels <= WIDEST && 3 * kernels <= places;
  if (!operands || !isSmall || frozen.has(operands[1])) return [];
  write.about(output.name, conv);
  const { op, to } = write;
  const [x, scale] = operands;
  const perImage = op.Mul(
    to.reshape(weight.name, [1, kernels, channels]),
    to.reshape(scale.name, [images, 1, channels]),
  );
  const mapped = op.MatMul(perImage, to.reshape(x.name, [images, channels, places]));
  const sum = bias ? op.Add(mapped, to.reshape(bias.name, [kernels, 1])) : mapped;
  const sizes = to.ints([images, kernels, ...size]);
  const { name } = output;
  write.node({ name, op: "Reshape", inputs: [sum, sizes], outputs: [name], attributes: {} });
  return [conv, gate];
}
