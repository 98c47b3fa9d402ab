import type { Node, Scope } from "../../src/graph/graph.ts";
import { closedSum } from "./closed-sum.ts";
import { differenceSum } from "./difference.ts";
import { plainSum } from "./plain-sum.ts";
import type { KnownValues, Sum } from "./residual.ts";
import { biasAdd, skipNorm } from "./skip-norm.ts";
import { stackedSum } from "./stacked-sum.ts";

/** Returns the sum that a node holds, in whichever form; null if it holds none. */
export const sumIn = (node: Node, known: Pick<KnownValues, "types">): Sum | null =>
  plainSum(node) ??
  differenceSum(node) ??
  stackedSum(node, known) ??
  skipNorm(node) ??
  biasAdd(node) ??
  closedSum(node);

/** Returns the sums that nodes hold, in their order. */
export function sumsIn(facts: KnownValues, scopes: readonly Scope[]): ReadonlyMap<Node, Sum> {
  const sums = new Map<Node, Sum>();
  for (const { nodes } of scopes)
    for (const node of nodes) {
      const sum = sumIn(node, facts);
      if (sum) sums.set(node, sum);
    }
  return sums;
}
