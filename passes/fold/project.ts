import { dimsOf } from "../../src/graph/constants.ts";
import { attribute, type Use, type Value } from "../../src/graph/graph.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { lowRankProduct } from "../variants/low-rank.ts";
import { isStored, type Plain } from "./absorb.ts";
import { shapeOf } from "./node-at.ts";
import type { MapTerm } from "./site-terms.ts";
import type { FoldSite } from "./sites.ts";

/** A weight whose outputs are mixed: along `axis`, W becomes W + (W A) B. */
export interface Mix {
  readonly use: Use;
  readonly axis: number;
  readonly terms: readonly MapTerm[];
}

/**
 * Returns the weights that a site's low-rank map goes into. Its skip must be a linear projection
 * that only the site reads: x + (x A) B is a projection with other weights. Null if it is not.
 */
export function projected(plain: Plain, site: FoldSite): readonly Mix[] | null {
  const { skip, place } = site;
  const { maps, lags, value } = skip;
  if (maps.length === 0 || lags.length > 0 || maps.some(({ x }) => x !== value)) return null;
  if (value.isOutput || plain.readers.get(value) !== 1 + maps.length) return null;
  const { axis, size } = place.feature;
  const weights = weightsOf(plain, value, axis, place.rank);
  const fits = weights?.every(
    ({ use, axis: at }) => dimsOf(use.node.inputs[use.index])?.[at] === size,
  );
  return fits ? weights!.map((weight) => ({ ...weight, terms: maps })) : null;
}

type Weight = Pick<Mix, "use" | "axis">;

/** The constants that make a value along its feature axis, if it is linear in them and nothing else. */
function weightsOf(plain: Plain, value: Value, axis: number, rank: number): Weight[] | null {
  const node = value.producer;
  if (!node) return null;
  const stored = (index: number) => {
    const input = node.inputs[index];
    return input && isStored(input) ? input : null;
  };
  const at = (index: number, of: number): Weight => ({ use: { node, index }, axis: of });
  const biased = (weight: Weight, axisOfBias: (bias: Value) => number) => {
    const bias = stored(2);
    if (!node.inputs[2]) return [weight];
    return bias ? [weight, at(2, axisOfBias(bias))] : null;
  };
  const integer = (name: string) => attribute(node, name)?.i;
  if (node.op === "Conv" && axis === 1 && (integer("group") ?? 1) === 1 && stored(1))
    return biased(at(1, 0), () => 0);
  if (axis !== rank - 1) return null;
  if (node.op === "MatMul" && stored(1)) return [at(1, dimsOf(node.inputs[1])!.length - 1)];
  if (node.op === "Gemm" && stored(1))
    return biased(at(1, integer("transB") === 1 ? 0 : 1), (bias) => dimsOf(bias)!.length - 1);
  return node.op === "Add" ? productAndBias(plain, node.inputs, at, rank) : null;
}

function productAndBias(
  plain: Plain,
  inputs: readonly (Value | null)[],
  at: (index: number, axis: number) => Weight,
  rank: number,
): Weight[] | null {
  const bias = inputs.findIndex((input) => input && isStored(input));
  const x = inputs[1 - bias];
  if (bias < 0 || !x || plain.readers.get(x) !== 1 || x.isOutput) return null;
  if (shapeOf(plain.facts, x)?.length !== rank || x.producer?.op !== "MatMul") return null;
  const weights = weightsOf(plain, x, rank - 1, rank);
  const dims = dimsOf(inputs[bias]);
  return weights && dims && dims.length > 0 ? [...weights, at(bias, dims.length - 1)] : null;
}

/** Mixes slices of a tensor along an axis: w + (w A) B, for each term. */
export function mixed(
  data: Float64Array,
  dims: readonly number[],
  { axis, terms }: Pick<Mix, "axis" | "terms">,
): Float64Array {
  const [outer, inner] = [elements(dims.slice(0, axis)), elements(dims.slice(axis + 1))];
  const folded = { data, outer, size: dims[axis], inner };
  const projected = data.slice();
  for (const { A, B, gamma } of terms) {
    const down = A.data.map((value) => value * gamma);
    const mix = lowRankProduct({ A: down, B: B.data }, A.dims.length > 2, folded);
    for (let k = 0; k < projected.length; k++) projected[k] += mix[k];
  }
  return projected;
}
