import { tensorOf } from "../graph/constants.ts";
import { attribute, type KnownType, type Use, type Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own, rows } from "../graph/own.ts";
import { walk } from "../graph/walk.ts";
import { type Dimension, dataType, isFloat, placeOfAxis, type Type } from "../onnx/dtypes.ts";

/** Maximum number of values that a search visits. */
const LOOKS = 500;

/** The axis along which a norm's scale lies. */
const NORM_AXIS: Readonly<Record<string, number>> = {
  ...rows(-1, "LayerNormalization RMSNormalization SimplifiedLayerNormalization"),
  ...rows(1, "BatchNormalization InstanceNormalization GroupNormalization"),
};

/** What readers show of a value: type, rank, and sizes by axis, negative ones from the end. */
interface Told {
  readonly known: KnownType;
  dtype: string | null;
  readonly ranks: Set<number>;
  /** The largest rank of other summands or factors, to which the value may be broadcast. */
  besides: number;
  readonly sizes: Map<number, number>;
}

/**
 * Returns the type of a value made by an unknown operator, as its readers' weights, biases and
 * scales show it, and other summands. Sizes that nothing shows are left open. Returns null if its
 * rank or its data type remains unknown or contradictory.
 */
export function typeByReaders(value: Value, known: KnownType): Type | null {
  const told: Told = { known, dtype: null, ranks: new Set(), besides: 0, sizes: new Map() };
  const rankOf = (at: Value) => (at !== value && known(at)?.shape?.length) || null;
  // `whole`: has the shape of the requested value, not only its rank.
  const start = { at: value, whole: true };
  const further = ({ at, whole }: typeof start) =>
    (rankOf(at) ? [] : at.uses).flatMap((use) => {
      const on = readBy(told, use, whole);
      const [output] = use.node.outputs;
      return on && output ? [{ at: output, whole: on === "whole" && whole }] : [];
    });
  for (const { at } of walk([start], further, LOOKS, (one) => one.at)) {
    const rank = rankOf(at);
    if (rank) told.ranks.add(rank);
  }
  const [rank = told.besides] = told.ranks;
  if (told.ranks.size > 1 || rank === 0 || !told.dtype) return null;
  const shape: Dimension[] = new Array(rank).fill("");
  for (const [axis, size] of told.sizes) {
    const place = placeOfAxis(axis, rank);
    if (place in shape) shape[place] = size;
  }
  return { dtype: told.dtype, shape };
}

/** Reads what one reader shows. Returns whether its result has its operand's shape or rank. */
function readBy(told: Told, { node, index }: Use, whole: boolean): "whole" | "rank" | null {
  const { op, inputs } = node;
  if (hasFact(op, "arithmetic")) {
    beside(told, { node, index }, whole);
    return "whole";
  }
  if (index > 0) return null;
  if (hasFact(op, "keeps")) return "whole";
  const perm = op === "Transpose" ? attribute(node, "perm")?.ints : undefined;
  if (perm) told.ranks.add(perm.length);
  const dims = weightOf(told, inputs[1]);
  if (!dims) return null;
  const size = (axis: number, length: number | undefined) => {
    if (whole && length !== undefined) told.sizes.set(axis, length);
  };
  if (op === "Conv" || op === "ConvTranspose") {
    told.ranks.add(dims.length);
    size(1, op === "Conv" ? dims[1] * (attribute(node, "group")?.i ?? 1) : dims[0]);
    return "rank";
  }
  if (op === "Gemm") {
    told.ranks.add(2);
    if (!attribute(node, "transA")?.i) size(1, dims[attribute(node, "transB")?.i ? 1 : 0]);
    return "rank";
  }
  if (op === "MatMul" && dims.length === 2) {
    size(-1, dims[0]);
    return "rank";
  }
  const axis = own(NORM_AXIS, op);
  if (axis === undefined || dims.length !== 1) return null;
  size(axis, dims[0]);
  return "whole";
}

/** Reads the other operand: the sizes of a constant, or the rank of a known value. */
function beside(told: Told, { node, index }: Use, whole: boolean): void {
  for (const [k, other] of node.inputs.entries()) {
    if (k === index || !other) continue;
    const dims = weightOf(told, other);
    const rank = told.known(other)?.shape?.length ?? 0;
    if (dims && whole)
      for (const [axis, length] of dims.entries())
        if (length > 1) told.sizes.set(axis - dims.length, length);
    if (!dims && rank > 1) told.besides = Math.max(told.besides, rank);
  }
}

/** Returns the dimensions of a float weight, which shares its operand's type; null for others. */
function weightOf(told: Told, value: Value | null | undefined): readonly number[] | null {
  const tensor = tensorOf(value);
  const dtype = tensor && dataType(tensor.dataType)?.name;
  if (!tensor || !dtype || !isFloat(dtype)) return null;
  told.dtype ??= dtype;
  return tensor.dims;
}
