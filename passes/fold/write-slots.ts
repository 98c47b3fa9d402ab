import type { Writing } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/graph.ts";
import { float } from "../../src/onnx/new-node.ts";
import { lowRank } from "../variants/low-rank.ts";
import type { SiteDescription } from "../variants/variant.ts";
import { type FoldPlan, keyOf } from "./draft.ts";
import { type Factor, isOne, numberFactor, ONE, reciprocal, times } from "./factor.ts";
import type { MapTerm } from "./site-terms.ts";
import type { Edge, FoldSite } from "./sites.ts";
import { multiply } from "./write-weights.ts";

/** Multiplies a value by a constant; on a stream of images as a BatchNormalization, which stays in the layout of the convolutions. */
export function multiplied(
  { op, constant }: Pick<Writing, "op" | "constant">,
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
  const behind = perChannel ? new Array(rank - 1 - factor.axis!).fill(1) : [];
  const dims = perChannel ? [factor.values.length, ...behind] : [];
  return op.Mul(x, constant(dtype, dims, factor.values));
}

/** What the slots of a site's sum read now: operands as they were, times what is left, plus low-rank maps. */
export function writeSlots(
  to: Writing,
  site: FoldSite,
  plan: FoldPlan,
  nameOf: (value: Value) => string,
): { use: Edge["use"]; name: string }[] {
  return [site.skip, ...site.branches].map((edge) => {
    const { use, value } = edge;
    to.about(`${site.name}.fold`, use.node);
    const left = plan.left.get(keyOf(use))?.by ?? ONE;
    const plain = isOne(left) && edge.maps.length + edge.lags.length === 0;
    if (plain) return { use, name: nameOf(value) };
    return { use, name: slotOf(to, site, edge, { left, plan, nameOf }) };
  });
}

interface Slot {
  readonly left: Factor;
  readonly plan: FoldPlan;
  readonly nameOf: (value: Value) => string;
}

/** k x + Σ g x_j + Σ (x_j A_j) B_j, every factor in A and B but k and g. */
function slotOf(to: Writing, site: FoldSite, edge: Edge, { left, plan, nameOf }: Slot): string {
  const { place, beta } = site;
  const sum = reciprocal(plan.sums.get(edge.use.node) ?? ONE);
  const outer = times(beta, sum)!;
  const x = nameOf(edge.value);
  let result = isOne(left) ? x : multiplied(to, x, left, place);
  for (const lag of edge.lags) {
    const own = times(plan.factors.get(lag.x) ?? ONE, outer)!;
    const by = times(own, numberFactor(lag.gamma))!;
    result = to.op.Add(result, multiplied(to, nameOf(lag.x), by, place));
  }
  if (edge.maps.length === 0) return result;
  const factored = edge.maps.map((map) => {
    const into = times(plan.factors.get(map.x) ?? ONE, numberFactor(map.gamma))!;
    return {
      ...map,
      A: scaledMap(map.A, into, "A"),
      B: scaledMap(map.B, outer, "B"),
    };
  });
  return to.op.Add(result, mapsOf(to, factored, place, nameOf));
}

/** A or B with a factor on its features, as the form stores them. */
function scaledMap(map: MapTerm["A"], factor: Factor, role: "A" | "B"): MapTerm["A"] {
  if (isOne(factor)) return map;
  const isConv = map.dims.length > 2;
  const axis = (role === "A") === isConv ? 1 : 0;
  const data = map.data.slice();
  multiply(data, map.dims, factor.axis === null ? factor : { ...factor, axis });
  return { ...map, name: "", data };
}

/** The maps as nodes: those of one operand side by side in one matrix, the last product once for all. */
function mapsOf(
  to: Writing,
  maps: readonly MapTerm[],
  place: SiteDescription,
  nameOf: (value: Value) => string,
): string {
  const isConv = maps[0].A.dims.length > 2;
  const stored = (role: string, { name, dims, data }: MapTerm["A"]) => {
    if (name) return name;
    const fresh = to.fresh(`${place.name}.fold.${role}`);
    to.tensor({ name: fresh, dtype: place.dtype, dims, data });
    return fresh;
  };
  const byOperand = new Map<Value, MapTerm[]>();
  for (const map of maps) byOperand.set(map.x, [...(byOperand.get(map.x) ?? []), map]);
  const joined = [...byOperand.values()].map((some) =>
    some.length === 1
      ? some[0]
      : {
          ...some[0],
          A: concatenated(
            some.map(({ A }) => A),
            isConv ? 0 : 1,
          ),
          B: concatenated(
            some.map(({ B }) => B),
            isConv ? 1 : 0,
          ),
        },
  );
  const sameB = joined.every(({ B }) => B.name !== "" && B.name === joined[0].B.name);
  const ups = joined.map(({ B }, k) =>
    sameB ? B.name : joined.length === 1 ? stored("B", B) : `${k}`,
  );
  const terms = joined.map(({ x, A }, k) => ({ x: nameOf(x), A: stored("A", A), B: ups[k] }));
  return lowRank(to.op, terms, place, (_, axis) =>
    stored(
      "B",
      concatenated(
        joined.map(({ B }) => B),
        axis,
      ),
    ),
  );
}

function concatenated(all: readonly MapTerm["A"][], axis: number): MapTerm["A"] {
  const [{ dims }] = all;
  const outer = dims.slice(0, axis).reduce((a, b) => a * b, 1);
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
