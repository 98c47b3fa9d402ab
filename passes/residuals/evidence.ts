import { dimsOf } from "../../src/graph/constants.ts";
import { attribute, type Node, textAttribute, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { own, rows } from "../../src/graph/own.ts";
import { SKIP_NORMS } from "../lower/skip-norms.ts";
import type { AxisMap } from "./axes.ts";
import { factorsOf } from "./operators.ts";
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
export function evidence(setting: Setting, node: Node): Evidence {
  const rule = own(EVIDENCE, bare(node.op));
  return rule ? rule(viewOf(setting, node)) : NONE;
}

const bare = (op: string) => op.slice(op.lastIndexOf(".") + 1);

/** A node as the rules read it. */
type View = ReturnType<typeof viewOf>;

function viewOf(setting: Setting, node: Node) {
  const rankOf = (value: Value | null | undefined) =>
    (value && setting.types.get(value)?.shape?.length) || 0;
  /** An integer attribute. */
  const number = (name: string) => attribute(node, name)?.i ?? null;
  return {
    setting,
    node,
    number,
    flag: (name: string) => (number(name) ?? 0) !== 0,
    /** The sizes of an input, null if they are not fixed. */
    dims: (index: number) => sizesOf(setting, node.inputs[index]),
    /** Whether an input is there and the same for all data. */
    fixed: (index: number) =>
      node.inputs[index] != null && setting.constants.has(node.inputs[index]),
    /** The last axis of the first output and of the first input. */
    last: { writes: rankOf(node.outputs[0]) - 1, reads: rankOf(node.inputs[0]) - 1 },
  };
}

type Rule = (view: View) => Evidence;

const lastAxes: Rule = ({ last }) => mixer(last.writes, last.reads);

const NHWC = operatorsThat("nhwc");
const isChannelsLast = ({ node, flag }: View) => NHWC.has(node.op) || flag("channels_last");

/** A weight [M, C / group, …] on axis 1, or the last axis if channels are last. */
const convolution =
  (weight: number): Rule =>
  (view) => {
    if (isChannelsLast(view)) return lastAxes(view);
    const [out, into] = view.dims(weight);
    return mixer(1, 1, out, times(into, view.number("group") ?? 1));
  };

const transposedConvolution: Rule = (view) => {
  if (isChannelsLast(view)) return lastAxes(view);
  const [into, out] = view.dims(1);
  return mixer(1, 1, times(out, view.number("group") ?? 1), into);
};

/** A depthwise weight, [C, 1, …]. */
const depthwise: Rule = ({ dims, number }) => {
  const [out, into] = dims(1);
  return mixer(1, 1, out, times(into, number("group") ?? out ?? 1));
};

const product: Rule = ({ setting, node, dims, fixed, flag, last }) => {
  const [a, b] = [flag("transA") ? 1 : 0, flag("transB") ? 1 : 0];
  if (fixed(1)) {
    const [into, out] = matrix(dims(1), b);
    return mixer(last.writes, last.reads - a, out, into);
  }
  if (!fixed(0)) return NONE;
  const [out, into] = matrix(dims(0), a);
  const rank = setting.types.get(node.inputs[1]!)?.shape?.length ?? 0;
  return mixer(last.writes - 1, rank - (b ? 1 : 2), out, into);
};

const quantizedProduct: Rule = ({ dims, fixed, last }) => {
  const [into, out] = matrix(dims(3), 0);
  return fixed(3) ? mixer(last.writes, last.reads, out, into) : NONE;
};

const gemm: Rule = ({ dims, fixed, flag }) => {
  const weight = fixed(1) ? 1 : fixed(3) ? 3 : null;
  if (weight === null) return NONE;
  const [into, out] = matrix(dims(weight), flag("transB") ? 1 : 0);
  return mixer(1, flag("transA") ? 0 : 1, out, into);
};

const fewBits: Rule = ({ number, fixed, last }) =>
  fixed(1) ? mixer(last.writes, last.reads, number("N"), number("K")) : NONE;

const block: Rule = (view) => (view.fixed(1) ? lastAxes(view) : NONE);

/** A norm of a single channel, as of a map of positions and features, shows neither. */
const imageNorm: Rule = ({ dims }) => (dims(1)[0] === 1 ? NONE : norm(1, dims(1)[0]));
const lastNorm =
  (weight: number): Rule =>
  ({ last, dims }) =>
    norm(last.reads, dims(weight)[0]);
const groupNorm: Rule = ({ number, last, dims }) =>
  norm(number("channels_last") === 0 ? 1 : last.reads, dims(1)[0]);
const scale: Rule = ({ setting, node }) => ({
  ...NONE,
  reads: scaled(setting, node),
  norm: true,
});
const channels: Rule = () => norm(1);

/** What each operator shows, by its name without its domain. */
const EVIDENCE: Readonly<Record<string, Rule>> = {
  ...rows(convolution(1), "Conv ConvInteger FusedConv"),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  CausalConvWithState: depthwise,
  ...rows(lastAxes, "NhwcConv NhwcFusedConv"),
  ...rows(product, "MatMul MatMulInteger FusedMatMul MatMulIntegerToFloat DynamicQuantizeMatMul"),
  QLinearMatMul: quantizedProduct,
  ...rows(gemm, "Gemm QGemm"),
  Einsum: einsum,
  ...rows(fewBits, "MatMulNBits MatMulBnb4"),
  ...rows(block, "Attention QAttention LSTM GRU RNN DynamicQuantizeLSTM"),
  ...rows(channels, "DepthToSpace SpaceToDepth"),
  ...rows(imageNorm, "BatchNormalization InstanceNormalization GroupNormalization"),
  BiasAdd: lastNorm(1),
  GroupNorm: groupNorm,
  ...Object.fromEntries(
    Object.entries(SKIP_NORMS).map(([op, { norm, scale }]) => [
      bare(op),
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
  const rank = setting.types.get(node.outputs[0]!)?.shape?.length ?? 0;
  const fixed = (at: Node) =>
    factorsOf(at).find((value) => value && setting.constants.has(value)) ?? null;
  const direct = wideAxis(setting, fixed(node), rank);
  if (direct || node.op !== "Mul" || fixed(node)) return direct;
  // x · (γ / σ): γ is first multiplied with the norm's divisor, which has size 1 along its axis.
  for (const factor of node.inputs) {
    const inner = factor?.producer;
    if (inner?.op !== "Mul") continue;
    const scale = wideAxis(setting, fixed(inner), rank);
    const other = inner.inputs.find((value) => value !== fixed(inner));
    const shape = other ? setting.types.get(other)?.shape : null;
    if (scale && shape?.length === rank && shape[scale.axis] === 1) return scale;
  }
  return null;
}

/** Returns the only axis of a value of this rank along which a broadcast factor of fixed sizes varies. */
function wideAxis(setting: Setting, factor: Value | null, rank: number): Place | null {
  const dims = sizesOf(setting, factor);
  const wide = dims.flatMap((size, k) =>
    size === 1 ? [] : [{ axis: k + rank - dims.length, size }],
  );
  const mask = rank > 2 && dims.length === rank && dims[0] === 1;
  return wide.length === 1 && wide[0].size !== null ? { ...wide[0], mask } : null;
}

/** Writes the output label that the data lacks; reads the data label that the output lacks. */
function einsum({ node, fixed, dims }: View): Evidence {
  const equation = textAttribute(node, "equation")?.replaceAll(" ", "").split("->") ?? [];
  const terms = equation[0]?.split(",");
  if (terms?.length !== 2 || equation.length !== 2) return NONE;
  const weight = fixed(0) ? 0 : fixed(1) ? 1 : -1;
  if (weight < 0) return NONE;
  const data = terms[1 - weight];
  const out = equation[1];
  const only = (labels: string, others: string): Place | null => {
    const found = [...labels].flatMap((label, k) => (others.includes(label) ? [] : [k]));
    const size = dims(weight)[terms[weight].indexOf(labels[found[0]])] ?? null;
    return found.length === 1 ? { axis: found[0], size } : null;
  };
  return { writes: only(out, data), reads: only(data, out), norm: false };
}
