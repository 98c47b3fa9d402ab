import { groupBy } from "../../src/entry.ts";
import type { Builder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/graph.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { type LowRankWriting, lowRank } from "../variants/low-rank.ts";
import type { SiteDescription } from "../variants/variant.ts";
import { type FoldPlan, keyOf } from "./draft.ts";
import { type Factor, isOne, numberFactor, ONE, reciprocal, times } from "./factor.ts";
import type { MapTerm } from "./site-terms.ts";
import type { Edge, FoldSite } from "./sites.ts";
import { multiply } from "./write-weights.ts";

/** Multiplies a value by a constant; on a stream of images as a BatchNormalization, which stays in the layout of the convolutions. */
export function multiplied(
  { op, constant }: Pick<Builder, "op" | "constant">,
  x: string,
  factor: Factor,
  { rank, feature, dtype }: Pick<SiteDescription, "rank" | "feature" | "dtype">,
): string {
  const { size, axis } = feature;
  const perChannel = factor.axis !== null;
  if (rank === 4 && axis === 1 && dtype === "float" && size > 0) {
    const filled = (value: number) => constant(dtype, [size], new Array(size).fill(value));
    const scale = perChannel ? constant(dtype, [size], factor.values) : filled(factor.values[0]);
    return op.BatchNormalization(x, scale, filled(-0), filled(0), filled(1), { epsilon: float(0) });
  }
  return op.Mul(x, factorConstant({ constant }, dtype, rank, factor));
}

/** Writes a factor as a constant that broadcasts over a value of this rank. */
export function factorConstant(
  { constant }: Pick<Builder, "constant">,
  dtype: string,
  rank: number,
  { axis, values }: Factor,
): string {
  const dims = axis === null ? [] : [values.length, ...new Array(rank - 1 - axis).fill(1)];
  return constant(dtype, dims, values);
}

/** Writes what the slots of a site's sum read now: operands times what is left, plus low-rank maps. */
export function writeSlots(
  to: Builder,
  site: FoldSite,
  plan: FoldPlan,
  nameOf: (value: Value) => string,
): { use: Edge["use"]; name: string }[] {
  return [site.skip, ...site.branches].map((edge) => {
    to.about(`${site.name}.fold`, edge.use.node);
    return { use: edge.use, name: slotOf(to, site, edge, { plan, nameOf }) };
  });
}

/** What is known of a site's sum when its slots are written. */
export interface SlotNames {
  readonly plan: FoldPlan;
  readonly nameOf: (value: Value) => string;
}

/** k x + Σ g x_j + Σ (x_j A_j) B_j. */
function slotOf(to: Builder, site: FoldSite, edge: Edge, slot: SlotNames): string {
  const operand = operandOf(to, site, edge, slot);
  if (edge.maps.length === 0) return operand;
  const maps = scaledMaps(site, edge, slot);
  return to.op.Add(operand, mapsOf(to, maps, site.place, { nameOf: slot.nameOf }));
}

const outerOf = ({ beta }: FoldSite, { use }: Edge, { plan }: SlotNames) =>
  times(beta, reciprocal(plan.sums.get(use.node) ?? ONE))!;

/** Writes what a slot reads without its low-rank maps: k x + Σ g x_j. */
export function operandOf(to: Builder, site: FoldSite, edge: Edge, slot: SlotNames): string {
  const { plan, nameOf } = slot;
  const left = plan.left.get(keyOf(edge.use))?.by ?? ONE;
  const x = nameOf(edge.value);
  let result = isOne(left) ? x : multiplied(to, x, left, site.place);
  for (const lag of edge.lags) {
    const own = times(plan.factors.get(lag.x) ?? ONE, outerOf(site, edge, slot))!;
    const by = times(own, numberFactor(lag.gamma))!;
    result = to.op.Add(result, multiplied(to, nameOf(lag.x), by, site.place));
  }
  return result;
}

/** Returns the low-rank maps of a slot, with every factor in A and B. */
export const scaledMaps = (site: FoldSite, edge: Edge, slot: SlotNames): readonly MapTerm[] =>
  edge.maps.map((map) => {
    const into = times(slot.plan.factors.get(map.x) ?? ONE, numberFactor(map.gamma))!;
    const outer = outerOf(site, edge, slot);
    return { ...map, A: scaledMap(map.A, into, "A"), B: scaledMap(map.B, outer, "B") };
  });

/** A or B with a factor on its features, as the form stores them. */
function scaledMap(map: MapTerm["A"], factor: Factor, role: "A" | "B"): MapTerm["A"] {
  if (isOne(factor)) return map;
  const isConv = map.dims.length > 2;
  const axis = (role === "A") === isConv ? 1 : 0;
  const data = map.data.slice();
  multiply(data, map.dims, factor.axis === null ? factor : { ...factor, axis });
  return { ...map, name: "", data };
}

/** Writes maps as nodes: those of one operand as one matrix, the last product once for all. */
export function mapsOf(
  to: Builder,
  maps: readonly MapTerm[],
  place: SiteDescription,
  { nameOf, down, up }: Pick<SlotNames, "nameOf"> & Omit<LowRankWriting<string>, "stacked">,
): string {
  const isConv = maps[0].A.dims.length > 2;
  const stored = (role: string, { name, dims, data }: MapTerm["A"]) => {
    if (name) return name;
    const fresh = to.fresh(`${place.name}.fold.${role}`);
    to.tensor({ name: fresh, dtype: place.dtype, dims, data });
    return fresh;
  };
  const joined = [...groupBy(maps, ({ x }) => x).values()].map((some) =>
    some.length === 1
      ? some[0]
      : {
          ...some[0],
          A: concatenated(some, "A", isConv ? 0 : 1),
          B: concatenated(some, "B", isConv ? 1 : 0),
        },
  );
  const sameB = joined.every(({ B }) => B.name !== "" && B.name === joined[0].B.name);
  const ups = joined.map(({ B }, k) =>
    sameB ? B.name : joined.length === 1 ? stored("B", B) : `${k}`,
  );
  const terms = joined.map(({ x, A }, k) => ({ x: nameOf(x), A: stored("A", A), B: ups[k] }));
  const stacked = (_: unknown, axis: number) => stored("B", concatenated(joined, "B", axis));
  // A map that is stored as convolutions stays so in double, which only a proof computes in.
  const form = isConv ? { ...place, dtype: "float" } : place;
  return lowRank(to.op, terms, form, { stacked, down, up });
}

/** The A's or B's of some maps side by side along an axis. */
function concatenated(maps: readonly MapTerm[], role: "A" | "B", axis: number): MapTerm["A"] {
  const all = maps.map((map) => map[role]);
  const [{ dims }] = all;
  const outer = elements(dims.slice(0, axis));
  const rows = all.map((one) => one.data.length / outer);
  const data = new Float64Array(all.reduce((sum, one) => sum + one.data.length, 0));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const [k, one] of all.entries()) {
      data.set(one.data.subarray(o * rows[k], (o + 1) * rows[k]), at);
      at += rows[k];
    }
  const size = all.reduce((sum, one) => sum + one.dims[axis], 0);
  return { name: "", data, dims: dims.map((dim, k) => (k === axis ? size : dim)) };
}
