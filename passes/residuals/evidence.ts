import { dimsOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Graph,
  type Node,
  textAttribute,
  type Value,
} from "../../src/graph/graph.ts";
import type { Setting } from "./residual.ts";

/** An axis of a value, and how many features a weight says lie along it; null if none says it. */
export interface Place {
  readonly axis: number;
  readonly size: number | null;
}

/** How a node shows a feature axis: that of the value it writes, or of the one it reads. */
export interface Evidence {
  readonly writes: Place | null;
  readonly reads: Place | null;
  /** Scales or norms features, and so cannot mix positions. */
  readonly norm: boolean;
}

const NONE: Evidence = { writes: null, reads: null, norm: false };

/** What a node's weights show of the feature axes of its operand and its result. */
export function evidence(setting: Setting, node: Node): Evidence {
  const { constants, types, graph } = setting;
  const shapeOf = (value: Value | null | undefined) => value && types.get(value)?.shape;
  const dims = (index: number) => sizesOf(setting, node.inputs[index]);
  const fixed = (index: number) => {
    const value = node.inputs[index];
    return value != null && constants.has(value);
  };
  const flag = (name: string) => (attribute(node, name)?.i ?? 0) !== 0;
  const last = {
    writes: (shapeOf(node.outputs[0])?.length ?? 0) - 1,
    reads: (shapeOf(node.inputs[0])?.length ?? 0) - 1,
  };
  switch (node.op.split(".").at(-1)) {
    case "Conv":
    case "ConvTranspose":
    case "ConvInteger":
    case "QLinearConv":
    case "CausalConvWithState":
    case "FusedConv":
    case "NhwcConv":
    case "NhwcFusedConv": {
      if (/nhwc/i.test(node.op) || flag("channels_last")) return mixer(last.writes, last.reads);
      const [out, into] = dims(node.op.endsWith("QLinearConv") ? 3 : 1);
      // Of a depthwise convolution the weight is [C, 1, …].
      const depthwise = node.op.endsWith("CausalConvWithState");
      const groups = attribute(node, "group")?.i ?? (depthwise ? (out ?? 1) : 1);
      return node.op === "ConvTranspose"
        ? mixer(1, 1, times(into, groups), out)
        : mixer(1, 1, out, times(into, groups));
    }
    case "MatMul":
    case "MatMulInteger":
    case "FusedMatMul":
    case "MatMulIntegerToFloat":
    case "DynamicQuantizeMatMul": {
      const [a, b] = [flag("transA") ? 1 : 0, flag("transB") ? 1 : 0];
      if (fixed(1)) {
        const [into, out] = matrix(dims(1), b);
        return mixer(last.writes, last.reads - a, out, into);
      }
      if (!fixed(0)) return NONE;
      const [out, into] = matrix(dims(0), a);
      const rank = shapeOf(node.inputs[1])?.length ?? 0;
      return mixer(last.writes - 1, rank - (b ? 1 : 2), out, into);
    }
    case "QLinearMatMul": {
      const [into, out] = matrix(dims(3), 0);
      return fixed(3) ? mixer(last.writes, last.reads, out, into) : NONE;
    }
    case "Gemm":
    case "QGemm": {
      const weight = fixed(1) ? 1 : fixed(3) ? 3 : null;
      if (weight === null) return NONE;
      const [into, out] = matrix(dims(weight), flag("transB") ? 1 : 0);
      return mixer(1, flag("transA") ? 0 : 1, out, into);
    }
    case "Einsum":
      return einsum(graph, node, fixed, dims);
    case "MatMulNBits":
    case "MatMulBnb4": {
      const [into, out] = ["K", "N"].map((name) => attribute(node, name)?.i ?? null);
      return fixed(1) ? mixer(last.writes, last.reads, out, into) : NONE;
    }
    case "Attention":
    case "QAttention":
    case "LSTM":
    case "GRU":
    case "RNN":
    case "DynamicQuantizeLSTM":
      return fixed(1) ? mixer(last.writes, last.reads) : NONE;
    case "DepthToSpace":
    case "SpaceToDepth":
      return norm(1);
    case "BatchNormalization":
    case "InstanceNormalization":
    case "GroupNormalization":
      return norm(1, dims(1)[0]);
    case "BiasAdd":
    case "SkipLayerNormalization":
    case "SkipSimplifiedLayerNormalization":
      return norm(last.reads, dims(node.op.endsWith("BiasAdd") ? 1 : 2)[0]);
    case "GroupNorm":
    case "SkipGroupNorm":
      return norm(attribute(node, "channels_last")?.i === 0 ? 1 : last.reads, dims(1)[0]);
    case "LayerNormalization":
    case "RMSNormalization":
    case "SimplifiedLayerNormalization":
    case "Mul":
      return { ...NONE, reads: scaled(setting, node), norm: true };
    default:
      return NONE;
  }
}

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

/** Rows and columns of a matrix, of a transposed one the other way. */
function matrix(dims: readonly (number | null)[], transposed: number): [Size, Size] {
  const [rows, columns] = dims.length < 2 ? [null, null] : dims.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** The sizes of a weight, null where they are not fixed. */
const sizesOf = ({ types }: Setting, value: Value | null | undefined): readonly (number | null)[] =>
  ((value && types.get(value)?.shape) ?? dimsOf(value) ?? []).map((dim) =>
    typeof dim === "number" ? dim : null,
  );

/** The axis along which a constant factor, a norm's scale for instance, differs. */
function scaled(setting: Setting, node: Node): Place | null {
  const rank = setting.types.get(node.outputs[0]!)?.shape?.length ?? 0;
  const fixed = ({ inputs }: Node) =>
    inputs.find((value) => value && setting.constants.has(value)) ?? null;
  const direct = wideAxis(setting, fixed(node), rank);
  if (direct || node.op !== "Mul" || fixed(node)) return direct;
  // x · (γ / σ): γ is first multiplied with what the norm divides by, which has one place along its axis.
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

/** The one axis of a value of this rank along which a factor that is broadcast to it differs. */
function wideAxis(setting: Setting, factor: Value | null, rank: number): Place | null {
  const dims = sizesOf(setting, factor);
  const wide = dims.flatMap((size, k) =>
    size === 1 ? [] : [{ axis: k + rank - dims.length, size }],
  );
  return wide.length === 1 ? wide[0] : null;
}

/** The output label that the data lacks is written; the data label that the output lacks is read. */
function einsum(
  graph: Graph,
  node: Node,
  fixed: (index: number) => boolean,
  dims: (index: number) => readonly (number | null)[],
): Evidence {
  const equation = textAttribute(graph, node, "equation")?.replaceAll(" ", "").split("->") ?? [];
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
