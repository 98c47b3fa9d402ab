import { dimsOf, readsShapeOnly } from "../../src/graph/constants.ts";
import {
  attribute,
  type Node,
  type Scope,
  textAttribute,
  type Value,
} from "../../src/graph/graph.ts";
import { type AxisMap, axesThrough, compose, inverse, sameAxes } from "./axes.ts";
import type { Feature, Setting, Sum, Term } from "./residual.ts";
import { whyNot } from "./why-not.ts";

/** How a node tells a feature axis: the axis of the value it writes, or of the one it reads. */
interface Evidence {
  readonly writes: number | null;
  readonly reads: number | null;
}

const NONE: Evidence = { writes: null, reads: null };
/** Nodes one search for a writer or reader may look at. */
const LOOKS = 2000;
/** Operators that a search goes back from a skip. */
const SHORT = 8;

/**
 * The feature axis of a sum: what the branch's last mixer writes as features and the stream's next
 * reader reads as features; where the sum's own node norms it, that is the reader. They must agree; at the
 * end of a stream, where nothing reads the sum, the branch's own reader of the skip, or of what that is
 * made of, stands in.
 */
export function featureAxis(
  setting: Setting,
  { node, output }: Sum,
  skip: Term,
  branches: readonly Term[],
): Feature | { readonly reason: string } {
  const shape = setting.types.get(output)!.shape!;
  const rank = shape.length;
  const written = new Set(branches.map(({ value }) => lastWritten(setting, value, rank)));
  written.delete(null);
  const [producer = null] = written;
  const reader =
    evidence(setting, node).reads ??
    nextRead(setting, output, output.scope, sameAxes(rank), null) ??
    readOfSkip(setting, skip.value, rank, output);
  if (written.size > 1)
    return { reason: whyNot.noFeatureAxis("the branches write different axes") };
  if (producer === null && reader === null)
    return { reason: whyNot.noFeatureAxis("neither the branch nor what reads the sum shows one") };
  if (producer !== null && reader !== null && producer !== reader)
    return {
      reason: whyNot.noFeatureAxis(
        `the branch writes features on axis ${producer} and the next reader takes them from axis ${reader}`,
      ),
    };
  const axis = (producer ?? reader)!;
  const size = shape[axis];
  if (typeof size !== "number")
    return { reason: whyNot.noFeatureAxis(`axis ${axis} has no fixed size`) };
  return { axis, size };
}

/** Goes back from a value to the last learned mixer, or failing that a norm or scale. */
function lastWritten(setting: Setting, value: Value, rank: number): number | null {
  let fallback: number | null = null;
  const pending: { value: Value; axes: AxisMap }[] = [{ value, axes: sameAxes(rank) }];
  const seen = new Set<Value>();
  for (let at = pending.pop(); at && seen.size < LOOKS; at = pending.pop()) {
    const node = at.value.producer;
    if (!node || seen.has(at.value) || setting.constants.has(at.value)) continue;
    seen.add(at.value);
    const { writes, reads } = evidence(setting, node);
    if (writes !== null) {
      const axis = at.axes[writes] ?? null;
      if (axis !== null) return axis;
      continue;
    }
    if (reads !== null) fallback ??= at.axes[reads] ?? null;
    for (const index of [...node.inputs.keys()].reverse()) {
      const input = node.inputs[index];
      if (!input || setting.constants.has(input)) continue;
      const through = axesThrough(setting.graph, setting.types, node, index, at.value);
      pending.push({ value: input, axes: compose(through, at.axes) });
    }
  }
  return fallback;
}

/** What reads a skip elsewhere than in the sum, or else one of the values that it is made of. */
function readOfSkip(setting: Setting, skip: Value, rank: number, sum: Value): number | null {
  let [value, axes]: [Value, AxisMap] = [skip, sameAxes(rank)];
  for (let hop = 0; hop < SHORT; hop++) {
    const read = nextRead(setting, value, sum.scope, axes, sum);
    const node = value.producer;
    const index = node?.inputs.findIndex((input) => input && !setting.constants.has(input)) ?? -1;
    if (read !== null || !node || index < 0) return read;
    const through = axesThrough(setting.graph, setting.types, node, index, value);
    [value, axes] = [node.inputs[index]!, compose(through, axes)];
  }
  return null;
}

/** Goes on from a value to the nearest node of a scope that reads features; `until` is not passed. */
function nextRead(
  setting: Setting,
  value: Value,
  scope: Scope,
  axes: AxisMap,
  until: Value | null,
): number | null {
  const pending: { value: Value; axes: AxisMap }[] = [{ value, axes }];
  const seen = new Set<Value>();
  let nearest: { index: number; axis: number } | null = null;
  for (let at = pending.pop(); at && seen.size < LOOKS; at = pending.pop()) {
    if (seen.has(at.value) || at.value === until) continue;
    seen.add(at.value);
    for (const { node, index } of at.value.uses) {
      if (node.scope !== scope || readsShapeOnly(node) || (nearest && node.index > nearest.index))
        continue;
      const { reads } = evidence(setting, node);
      const axis = reads === null ? null : (at.axes[reads] ?? null);
      if (reads !== null) {
        if (axis !== null) nearest = { index: node.index, axis };
        continue;
      }
      for (const output of node.outputs) {
        if (!output) continue;
        const through = axesThrough(setting.graph, setting.types, node, index, output);
        const back = inverse(through, setting.types.get(output)?.shape?.length ?? 0);
        pending.push({ value: output, axes: compose(back, at.axes) });
      }
    }
  }
  return nearest?.axis ?? null;
}

function evidence(setting: Setting, node: Node): Evidence {
  const { constants, types } = setting;
  const rankOf = (value: Value | null | undefined) =>
    (value && types.get(value)?.shape?.length) ?? 0;
  const fixed = (index: number) => {
    const value = node.inputs[index];
    return value != null && constants.has(value);
  };
  const turned = (name: string) => (attribute(node, name)?.i ?? 0) !== 0;
  const last = { writes: rankOf(node.outputs[0]) - 1, reads: rankOf(node.inputs[0]) - 1 };
  switch (node.op.split(".").at(-1)) {
    case "Conv":
    case "ConvTranspose":
    case "ConvInteger":
    case "QLinearConv":
    case "FusedConv":
    case "NhwcConv":
    case "NhwcFusedConv":
      return /nhwc/i.test(node.op) || attribute(node, "channels_last")?.i === 1
        ? last
        : { writes: 1, reads: 1 };
    case "MatMul":
    case "MatMulInteger":
    case "FusedMatMul":
    case "MatMulIntegerToFloat":
    case "DynamicQuantizeMatMul":
      if (fixed(1)) return { ...last, reads: last.reads - (turned("transA") ? 1 : 0) };
      return fixed(0)
        ? { writes: last.writes - 1, reads: rankOf(node.inputs[1]) - (turned("transB") ? 1 : 2) }
        : NONE;
    case "QLinearMatMul":
      return fixed(3) ? last : NONE;
    case "Gemm":
    case "QGemm":
      if (fixed(1) || fixed(3)) return { writes: 1, reads: attribute(node, "transA")?.i ? 0 : 1 };
      return NONE;
    case "Einsum":
      return einsum(textAttribute(setting.graph, node, "equation"), fixed);
    case "MatMulNBits":
    case "MatMulBnb4":
    case "Attention":
    case "QAttention":
    case "LSTM":
    case "GRU":
    case "RNN":
    case "DynamicQuantizeLSTM":
      return constants.has(node.inputs[1]!) ? last : NONE;
    case "DepthToSpace":
    case "SpaceToDepth":
    case "BatchNormalization":
    case "InstanceNormalization":
    case "GroupNormalization":
      return { writes: null, reads: 1 };
    case "BiasAdd":
    case "SkipLayerNormalization":
    case "SkipSimplifiedLayerNormalization":
      return { writes: null, reads: last.reads };
    case "GroupNorm":
    case "SkipGroupNorm":
      return { writes: null, reads: attribute(node, "channels_last")?.i === 0 ? 1 : last.reads };
    case "LayerNormalization":
    case "RMSNormalization":
    case "SimplifiedLayerNormalization":
    case "Mul":
      return { writes: null, reads: scaleAxis(node, setting) };
    default:
      return NONE;
  }
}

/** The axis along which a constant factor, a norm's scale for instance, differs. */
function scaleAxis(node: Node, { constants, types }: Setting): number | null {
  const rank = types.get(node.outputs[0]!)?.shape?.length ?? 0;
  const constant = node.inputs.find((value) => value && constants.has(value));
  const dims = types.get(constant!)?.shape ?? dimsOf(constant);
  const wide = dims?.flatMap((dim, k) => (dim === 1 ? [] : [k + rank - dims.length])) ?? [];
  return wide.length === 1 ? wide[0] : null;
}

/** The output label that the data lacks is written; the data label that the output lacks is read. */
function einsum(text: string | null, fixed: (index: number) => boolean): Evidence {
  const equation = text?.replaceAll(" ", "").split("->") ?? [];
  const terms = equation[0]?.split(",");
  if (terms?.length !== 2 || equation.length !== 2) return NONE;
  const weight = fixed(0) ? 0 : fixed(1) ? 1 : -1;
  if (weight < 0) return NONE;
  const data = terms[1 - weight];
  const out = equation[1];
  const only = (labels: string, others: string) => {
    const found = [...labels].flatMap((label, k) => (others.includes(label) ? [] : [k]));
    return found.length === 1 ? found[0] : null;
  };
  return { writes: only(out, data), reads: only(data, out) };
}
