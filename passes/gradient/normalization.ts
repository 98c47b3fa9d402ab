import { elements, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { sumTo } from "./broadcasting.ts";
import { dot } from "./dot.ts";
import { positiveOrOne } from "./indicators.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import type { WrittenNorm } from "./written-norm.ts";

/** Normalizations: x̂ = (x − mean) r, r = 1 / √(variance + ε), y = x̂ scale + b. */
export const normalizations = {
  BatchNormalization: batch,
  GroupNormalization: group,
  // Like a group per channel.
  InstanceNormalization: (at, x, scale) => {
    const [n, c, ...size] = at.shape(0);
    const [folded, perChannel] = [
      [n, c, elements(size)],
      [1, c, ...size.map(() => 1)],
    ];
    return byChannel(at, x, scale, { folded, wide: at.shape(0), perChannel });
  },
  LayerNormalization: layer,
  // p = 2: (g − y Σ g y) / ‖x‖; p = 1: (g − sign x · Σ g y) / ‖x‖
  LpNormalization: (at, x) => {
    const { op, write, g, y, int, dtype } = at;
    const axes = [at.axis(-1)];
    const two = int("p", 2) === 2;
    const size = two
      ? op.Sqrt(write.reduce("ReduceSum", op.Mul(x, x), axes))
      : write.reduce("ReduceSum", op.Abs(x), axes);
    const along = write.reduce("ReduceSum", op.Mul(g, y), axes);
    const slope = two ? y : write.sign(x, dtype);
    return [op.Div(op.Sub(g, op.Mul(slope, along)), positiveOrOne(at, size))];
  },
  RMSNormalization: (at, x, scale) => {
    const axes = axesFromOwn(at);
    const known = normalized(at, x, axes, false);
    const toInput = backward(at, at.op.Mul(at.g, scale), known, axes);
    return [toInput, at.needs[1] ? toScale(at, known) : null];
  },
} satisfies VjpTable;

const axesFromOwn = ({ axis, shape }: GradientNode) => range(shape(0).length).slice(axis(-1));

/** Writes the cotangent of a scale: Σ g x̂. */
const toScale = ({ op, write, g, shape, outShape }: GradientNode, { hat }: Normalized) =>
  sumTo(write, op.Mul(g, hat), outShape(0), shape(1));

interface Normalized {
  readonly hat: string;
  readonly r: string;
  readonly centered: boolean;
}

/** Computes x̂ and r over these axes again. */
function normalized(
  { op, write, scalar, float }: GradientNode,
  x: string,
  axes: readonly number[],
  centered: boolean,
): Normalized {
  const away = centered ? op.Sub(x, write.reduce("ReduceMean", x, axes)) : x;
  const variance = write.reduce("ReduceMean", op.Mul(away, away), axes);
  const r = op.Reciprocal(op.Sqrt(op.Add(variance, scalar(float("epsilon", 1e-5)))));
  return { hat: op.Mul(away, r), r, centered };
}

/** From the cotangent h of x̂: r (h − mean h − x̂ mean (h x̂)), without mean h if not centered. */
function backward(
  { op, write }: GradientNode,
  h: string,
  { hat, r, centered }: Normalized,
  axes: readonly number[],
) {
  const along = op.Mul(hat, write.reduce("ReduceMean", op.Mul(h, hat), axes));
  const rest = op.Sub(h, along);
  return op.Mul(r, centered ? op.Sub(rest, write.reduce("ReduceMean", h, axes)) : rest);
}

/** The cotangent of x, from that of x̂ as several nodes give it. */
export const throughNorm = (at: GradientNode, { root, axes, centered }: WrittenNorm): string =>
  backward(at, at.g, { hat: at.y, r: at.op.Reciprocal(root.name), centered }, axes);

function layer(at: GradientNode, x: string, scale: string) {
  const { op, write, g, shape, outShape, dtype, inputs, needs, opset, cotangents, outputs } = at;
  const axes = axesFromOwn(at);
  const epsilon = at.float("epsilon", 1e-5);
  const isBare = at.isOne(1) && !inputs[2];
  const again = (): Normalized => {
    if (isBare && outputs[2] && at.outputType(2) === dtype)
      return { hat: at.y, r: outputs[2], centered: true };
    if (opset < 17 || dtype !== "float") return normalized(at, x, axes, true);
    // One kernel computes x̂ and r.
    const dims = axes.map((axis) => shape(0)[axis]);
    const ones = write.expand(at.scalar(1), [], dims);
    const attributes = { axis: axes[0], epsilon: float(epsilon) };
    const [hat, , r] = op.LayerNormalization(x, ones, null, attributes, 3);
    return { hat, r, centered: true };
  };
  const known = again();
  const toInput = () => {
    const h = isBare ? g : op.Mul(g, scale);
    const direct = cotangents[0] ? [backward(at, h, known, axes)] : [];
    return [...direct, ...fromStatistics(at, known, axes)].reduce((a, b) => op.Add(a, b));
  };
  return [
    needs[0] ? toInput() : null,
    needs[1] && cotangents[0] ? toScale(at, known) : null,
    inputs[2] && needs[2] && cotangents[0] ? sumTo(write, g, outShape(0), shape(2)) : null,
  ];
}

/** The contribution of the mean, 1 / n each, and of r = InvStdDev: −r² x̂ / n. */
function fromStatistics(
  { op, write, scalar, shape, cotangents, dtype, outputType }: GradientNode,
  { hat, r }: Normalized,
  axes: readonly number[],
): string[] {
  const count = elements(axes.map((axis) => shape(0)[axis]));
  const share = (k: number) => {
    const g = outputType(k) === dtype ? cotangents[k]! : write.cast(cotangents[k]!, dtype);
    return op.Div(g, scalar(k === 1 ? count : -count));
  };
  const wide = axes.reduce((dims, axis) => dims.with(axis, 1), [...shape(0)]);
  return [
    ...(cotangents[1] ? [write.expand(share(1), wide, shape(0))] : []),
    ...(cotangents[2] ? [op.Mul(hat, op.Mul(share(2), op.Mul(r, r)))] : []),
  ];
}

/**
 * In inference, statistics are weights: y = (x − mean) r scale + b, each per channel. In training
 * mode they are those of x, which exporters also use to standardize a convolution's kernel.
 */
function batch(at: GradientNode, ...[x, scale, , mean, variance]: string[]) {
  const { op, write, g, int, shape, scalar, needs, opset, refuse, cotangents } = at;
  const rank = shape(0).length;
  // Before opset 9, each place of a channel may have statistics of its own.
  const isByPlace = opset < 9 && int("spatial", 1) === 0;
  const channels = shape(0)
    .slice(1)
    .map((size, k) => (isByPlace || k === 0 ? size : 1));
  const per = (v: string) => (rank === 2 ? v : write.reshape(v, channels));
  const others = range(rank).filter((axis) => axis !== 1 && !(isByPlace && axis > 1));
  const sum = (v: string) => write.reduce("ReduceSum", v, others, false);
  if (int("training_mode", 0) === 1) {
    if (cotangents.slice(1).some((cotangent) => cotangent !== null))
      refuse("its running statistics are used");
    const known = normalized(at, x, others, true);
    const h = op.Mul(g, per(scale));
    return [backward(at, h, known, others), sum(op.Mul(g, known.hat)), sum(g), null, null];
  }
  const r = op.Reciprocal(op.Sqrt(op.Add(variance, scalar(at.float("epsilon", 1e-5)))));
  const factor = op.Mul(scale, r);
  // Σ g (x − mean), per channel
  const away = () => {
    const from = at.isZero(3) ? x : op.Sub(x, per(mean));
    const rows = isByPlace ? null : dot(at, [g, from], shape(0), 2);
    return rows ? write.reduce("ReduceSum", rows, [0], false) : sum(op.Mul(g, from));
  };
  const toVariance = () => op.Mul(away(), op.Mul(factor, op.Mul(op.Mul(r, r), scalar(-0.5))));
  // A BatchNormalization of constants keeps the layout of images; a product with channels does not.
  const isFrozen = rank === 4 && at.dtype === "float" && !needs.slice(1).includes(true);
  const scaled = () => {
    if (!isFrozen || isByPlace) return op.Mul(g, per(factor));
    const size = shape(0)[1];
    const [zeros, ones] = [0, 1].map((value) =>
      at.constant("float", [size], new Float32Array(size).fill(value)),
    );
    return op.BatchNormalization(g, factor, zeros, zeros, ones, { epsilon: float(0) });
  };
  return [
    needs[0] ? scaled() : null,
    needs[1] ? op.Mul(away(), r) : null,
    needs[2] ? sum(g) : null,
    needs[3] ? op.Neg(op.Mul(sum(g), factor)) : null,
    needs[4] ? toVariance() : null,
  ];
}

/** Opset 18 scales by group, 21 by channel. */
function group(at: GradientNode, x: string, scale: string) {
  const [n, c, ...size] = at.shape(0);
  const groups = at.int("num_groups", 1);
  const folded = [n, groups, (c / groups) * elements(size)];
  const scaled =
    at.opset < 21
      ? { wide: folded, perChannel: [1, groups, 1] }
      : { wide: at.shape(0), perChannel: [1, c, ...size.map(() => 1)] };
  return byChannel(at, x, scale, { folded, ...scaled });
}

/**
 * Shapes by which channels are normalized: over the last axis of `folded`; `perChannel`, the scale's
 * shape, broadcasts to `wide`.
 */
type ChannelShapes = Readonly<Record<"folded" | "wide" | "perChannel", readonly number[]>>;

function byChannel(
  at: GradientNode,
  x: string,
  scale: string,
  { folded, wide, perChannel }: ChannelShapes,
) {
  const { op, write, g, shape, needs } = at;
  const known = normalized(at, write.reshape(x, folded), [2], true);
  const factor = write.reshape(scale, perChannel);
  const cotangent = write.reshape(g, wide);
  const sum = (v: string) => write.reshape(sumTo(write, v, wide, perChannel), shape(1));
  const h = write.reshape(op.Mul(cotangent, factor), folded);
  return [
    needs[0] ? write.reshape(backward(at, h, known, [2]), shape(0)) : null,
    needs[1] ? sum(op.Mul(cotangent, write.reshape(known.hat, wide))) : null,
    needs[2] ? sum(cotangent) : null,
  ];
}
