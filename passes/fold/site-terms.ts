import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { behind } from "../../src/graph/walk.ts";
import type { KnownGraph, ManifestSite } from "../residuals/residual.ts";
import type { SiteDescription } from "../variants/variant.ts";
import { shapeOf } from "./node-at.ts";

/** A multiple of a skip operand. */
export interface LagTerm {
  readonly x: Value;
  readonly gamma: number;
}

/** A low-rank map of a skip operand, its numbers as they are stored: γ (x A) B. */
export interface MapTerm extends LagTerm {
  readonly A: {
    readonly name: string;
    readonly dims: readonly number[];
    readonly data: Float64Array;
  };
  readonly B: MapTerm["A"];
}

/** The numbers of a site's parameter by its role; null if it has none. */
type Numbers = (role: string) => MapTerm["A"] | null;

/** The nodes inserted at a site, and what reads its numbers. */
interface ReadNodes {
  readonly nodes: readonly Node[];
  readonly numbers: Numbers;
}

/** Returns where the features of a site lie, by how its maps are written or by its weights per channel. */
export function describeSite(
  facts: KnownGraph,
  { name, parameters }: ManifestSite,
  { output, nodes, numbers }: ReadNodes & { readonly output: Value },
): SiteDescription {
  const shape = shapeOf(facts, output) ?? [];
  const rank = shape.length;
  const dtype = facts.types.get(output)?.dtype ?? "";
  const gamma = numbers("pa.gamma");
  const lags = gamma?.data.length ?? 1;
  const role = Object.keys(parameters).find((each) => /\.A\d*$/.test(each));
  const A = role ? numbers(role) : null;
  const turned = nodes.find(({ op }) => op === "Transpose");
  const perm = turned && attribute(turned, "perm")?.ints;
  const at = (axis: number, size: number) => ({ name, dtype, rank, lags, feature: { axis, size } });
  if (A) return A.dims.length > 2 ? at(1, A.dims[1]) : at(perm?.[rank - 1] ?? rank - 1, A.dims[0]);
  const w = numbers("rw.w");
  const dims = w ? w.dims.slice(0, -1) : (numbers("rw.p") ?? numbers("rw.alpha"))?.dims;
  if (dims && dims.length > 0) return at(rank - dims.length, dims[0]);
  const axis = rank === 4 ? 1 : rank - 1;
  return at(axis, shape[axis] ?? 0);
}

/** Returns the maps and multiples that a site adds to its skip, but zeros, and γ of the skip itself. */
export function termsOf(
  facts: KnownGraph,
  { nodes, numbers }: ReadNodes,
  x: Value | null,
  lost: (what: string) => Error,
) {
  const maps: MapTerm[] = [];
  const lags: LagTerm[] = [];
  let atSkip = 0;
  const gammas = numbers("pa.gamma");
  const count = gammas?.data.length ?? 1;
  for (let lag = 0; lag < count; lag++) {
    const gamma = gammas?.data[lag] ?? 1;
    const operand = lag === 0 || !gammas ? x : lagged(facts, nodes, gammas.name, lag);
    if (!operand) throw lost(`the skip of lag ${lag}`);
    const pair = (role: string) =>
      numbers(`lr.${role}`) ?? numbers(`pa.${role}${lag}`) ?? numbers(`pa.${role}`);
    const [A, B] = [pair("A"), pair("B")];
    if (gamma === 0) continue;
    if (A && B) {
      if (B.data.some((value) => value !== 0)) maps.push({ x: operand, gamma, A, B });
    } else if (gammas) {
      if (lag === 0) atSkip = gamma;
      else lags.push({ x: operand, gamma });
    }
  }
  return { maps, lags, gamma: atSkip };
}

/** The earlier skip that γ of this lag weighs: from its Gather on, the data input of the first node that has one. */
function lagged(
  { constants }: KnownGraph,
  nodes: readonly Node[],
  gamma: string,
  lag: number,
): Value | null {
  const own = new Set(nodes);
  const gather = nodes.find(
    ({ op, inputs }) =>
      op === "Gather" && inputs[0]?.name === gamma && numbersOf(inputs[1])?.[0] === lag,
  );
  for (let node: Node | undefined = gather; node; ) {
    const [first] = node.inputs;
    if (first && !constants.has(first)) return behind(first, (each) => own.has(each));
    node = node.outputs[0]?.uses.find((use) => own.has(use.node))?.node;
  }
  return null;
}
