import { dimsOf } from "../../src/graph/constants.ts";
import { attribute, type Node, textAttribute, type Value } from "../../src/graph/graph.ts";
import { hasFact, withoutDomain } from "../../src/graph/operators.ts";
import { own, rows } from "../../src/graph/own.ts";
import { SKIP_NORMS } from "../lower/skip-norms.ts";
import type { AxisMap } from "./axes.ts";
import { factorsOf, isFixed } from "./operators.ts";
import type { Setting } from "./residual.ts";

/** An axis of a value, and the number of features along it if a weight shows it. */
export interface Place {
  readonly axis: number;
  readonly size: number | null;
  /** Whether a factor of the value's own rank shows it, which may be a mask of positions. */
  readonly mask?: boolean | undefined;
}

/** Maps a place by the axes of its value; null if its axis is not kept. */
export function placeAlong(place: Place, axes: AxisMap): Place | null {
  const axis = axes[place.axis] ?? null;
  if (axis === null || axis === place.axis) return axis === null ? null : place;
  return { axis, size: place.size, mask: place.mask };
}

/** How a node shows a feature axis: on the value it writes, or on the one it reads. */
interface Evidence {
  readonly writes: Place | null;
  readonly reads: Place | null;
  /** Whether the node scales or norms features, and so cannot mix positions. */
  readonly norm: boolean;
}

const NONE: Evidence = { writes: null, reads: null, norm: false };

/** Returns what a node's weights show about the feature axes of its operand and its result. */
export function evidence(setting: Setting, node: Node | null): Evidence {
  const rule = node && own(EVIDENCE, withoutDomain(node.op));
  return rule ? rule({ setting, node }) : NONE;
}

interface View {
  readonly setting: Setting;
  readonly node: Node;
}

type Rule = (view: View) => Evidence;

const number = ({ node }: View, name: string) => attribute(node, name)?.i ?? null;

const flag = (view: View, name: string) => (number(view, name) ?? 0) !== 0;

/** Returns the sizes of an input, null if they are not fixed. */
const dims = ({ setting, node }: View, index: number) => sizesOf(setting, node.inputs[index]);

const fixed = ({ setting, node }: View, index: number) =>
  isFixed(setting.constants, node.inputs[index]);

const rankOf = ({ types }: Setting, value: Value | null | undefined) =>
  (value && types.get(value)?.shape?.length) || 0;

const lastRead = ({ setting, node }: View) => rankOf(setting, node.inputs[0]) - 1;

const lastAxes = (view: View, out?: Size, into?: Size): Evidence =>
  mixer(rankOf(view.setting, view.node.outputs[0]) - 1, lastRead(view), out, into);

const isChannelsLast = (view: View) => hasFact(view.node.op, "nhwc") || flag(view, "channels_last");

/** A weight [M, C / group, …] on axis 1, or the last axis if channels are last; [C, 1, …] if depthwise. */
const convolution =
  (weight: number, isDepthwise = false): Rule =>
  (view) => {
    if (isChannelsLast(view)) return lastAxes(view);
    const [out, into] = dims(view, weight);
    const groups = number(view, "group") ?? (isDepthwise ? out : 1);
    return mixer(1, 1, out, times(into, groups ?? 1));
  };

const transposedConvolution: Rule = (view) => {
  if (isChannelsLast(view)) return lastAxes(view);
  const [into, out] = dims(view, 1);
  return mixer(1, 1, times(out, number(view, "group") ?? 1), into);
};

const product: Rule = (view) => {
  const { inputs, outputs } = view.node;
  const [a, b] = [flag(view, "transA") ? 1 : 0, flag(view, "transB") ? 1 : 0];
  const rank = rankOf(view.setting, outputs[0]);
  if (fixed(view, 1)) {
    const [into, out] = matrix(dims(view, 1), b);
    return mixer(rank - 1, lastRead(view) - a, out, into);
  }
  if (!fixed(view, 0)) return NONE;
  const [out, into] = matrix(dims(view, 0), a);
  return mixer(rank - 2, rankOf(view.setting, inputs[1]) - (b ? 1 : 2), out, into);
};

const quantizedProduct: Rule = (view) => {
  const [into, out] = matrix(dims(view, 3), 0);
  return fixed(view, 3) ? lastAxes(view, out, into) : NONE;
};

const gemm: Rule = (view) => {
  const weight = fixed(view, 1) ? 1 : fixed(view, 3) ? 3 : null;
  if (weight === null) return NONE;
  const [into, out] = matrix(dims(view, weight), flag(view, "transB") ? 1 : 0);
  return mixer(1, flag(view, "transA") ? 0 : 1, out, into);
};

/** A weight in parts, whose sizes are attributes or not known. */
const inParts: Rule = (view) =>
  fixed(view, 1) ? lastAxes(view, number(view, "N"), number(view, "K")) : NONE;

/** A norm of a single channel, as of a map of positions and features, shows neither. */
const imageNorm: Rule = (view) => {
  const [size] = dims(view, 1);
  return size === 1 ? NONE : norm(1, size);
};
const lastNorm =
  (weight: number): Rule =>
  (view) =>
    norm(lastRead(view), dims(view, weight)[0]);
const groupNorm: Rule = (view) =>
  norm(number(view, "channels_last") === 0 ? 1 : lastRead(view), dims(view, 1)[0]);
const scale: Rule = ({ setting, node }) => ({
  writes: null,
  reads: scaled(setting, node),
  norm: true,
});
const channels: Rule = () => norm(1);

/** What each operator shows, by its name without its domain. */
const EVIDENCE: Readonly<Record<string, Rule>> = {
  ...rows(convolution(1), "Conv ConvInteger FusedConv"),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  CausalConvWithState: convolution(1, true),
  ...rows(lastAxes, "NhwcConv NhwcFusedConv"),
  ...rows(product, "MatMul MatMulInteger FusedMatMul MatMulIntegerToFloat DynamicQuantizeMatMul"),
  QLinearMatMul: quantizedProduct,
  ...rows(gemm, "Gemm QGemm"),
  Einsum: einsum,
  ...rows(inParts, "MatMulNBits MatMulBnb4 Attention QAttention LSTM GRU RNN DynamicQuantizeLSTM"),
  ...rows(channels, "DepthToSpace SpaceToDepth"),
  ...rows(imageNorm, "BatchNormalization InstanceNormalization GroupNormalization"),
  BiasAdd: lastNorm(1),
  GroupNorm: groupNorm,
  ...Object.fromEntries(
    Object.entries(SKIP_NORMS).map(([op, { norm, scale }]) => [
      withoutDomain(op),
      norm === "group" ? groupNorm : lastNorm(scale),
    ]),
  ),
  ...rows(scale, "LayerNormalization RMSNormalization SimplifiedLayerNormalization Mul QLinearMul"),
};

type Size = number | null | undefined;

const mixer = (writes: number, reads: number, out?: Size, into?: Size): Evidence => ({
  writes: { axis: writes, size: out ?? null },
  reads: { axis: reads, size: into ?? null },
  norm: false,
});

const norm = (axis: number, size?: Size): Evidence => ({
  writes: null,
  reads: { axis, size: size ?? null },
  norm: true,
});

const times = (size: Size, groups: number) => (size == null ? null : size * groups);

/** Returns rows and columns of a matrix, swapped for a transposed one. */
function matrix(dims: readonly (number | null)[], transposed: number): [Size, Size] {
  const [rows, columns] = dims.length < 2 ? [null, null] : dims.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** Returns the sizes of a weight; null if they are not fixed. */
const sizesOf = ({ types }: Setting, value: Value | null | undefined): readonly (number | null)[] =>
  ((value && types.get(value)?.shape) ?? dimsOf(value) ?? []).map((dim) =>
    typeof dim === "number" ? dim : null,
  );

/** Returns the axis along which a constant factor varies, such as a norm's scale. */
function scaled(setting: Setting, node: Node): Place | null {
  const rank = rankOf(setting, node.outputs[0]);
  const own = fixedFactor(setting, node);
  const direct = wideAxis(setting, own, rank);
  if (direct || node.op !== "Mul" || own) return direct;
  // x · (γ / σ): γ is first multiplied with the norm's divisor, which has size 1 along its axis.
  for (const factor of node.inputs) {
    const inner = factor?.producer;
    if (inner?.op !== "Mul") continue;
    const known = fixedFactor(setting, inner);
    const scale = wideAxis(setting, known, rank);
    const other = inner.inputs.find((value) => value !== known);
    const shape = other ? setting.types.get(other)?.shape : null;
    if (scale && shape?.length === rank && shape[scale.axis] === 1) return scale;
  }
  return null;
}

/** Returns the first constant that a product multiplies by; null if there is none. */
const fixedFactor = ({ constants }: Setting, node: Node) =>
  factorsOf(node).find((value) => isFixed(constants, value)) ?? null;

/** Returns the only axis of a value of this rank along which a broadcast factor of fixed sizes varies. */
function wideAxis(setting: Setting, factor: Value | null, rank: number): Place | null {
  const dims = sizesOf(setting, factor);
  const wide = dims.findIndex((size) => size !== 1);
  const isOnly = wide === dims.findLastIndex((size) => size !== 1);
  const size = isOnly ? (dims[wide] ?? null) : null;
  const mask = rank > 2 && dims.length === rank && dims[0] === 1;
  return size === null ? null : { axis: wide + rank - dims.length, size, mask };
}

/** Writes the output label that the data lacks; reads the data label that the output lacks. */
function einsum(view: View): Evidence {
  const equation = textAttribute(view.node, "equation")?.replaceAll(" ", "").split("->") ?? [];
  const terms = equation[0]?.split(",");
  if (terms?.length !== 2 || equation.length !== 2) return NONE;
  const weight = fixed(view, 0) ? 0 : fixed(view, 1) ? 1 : -1;
  if (weight < 0) return NONE;
  const data = terms[1 - weight];
  const out = equation[1];
  const only = (labels: string, others: string): Place | null => {
    const found = [...labels].flatMap((label, k) => (others.includes(label) ? [] : [k]));
    const size = dims(view, weight)[terms[weight].indexOf(labels[found[0]])] ?? null;
    return found.length === 1 ? { axis: found[0], size } : null;
  };
  return { writes: only(out, data), reads: only(data, out), norm: false };
}
