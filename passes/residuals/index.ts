import type { Node, Scope, Types } from "../../src/graph/graph.ts";
import { closedSum } from "./closed-sum.ts";
import { differenceSum } from "./difference.ts";
import { plainSum } from "./plain-sum.ts";
import type { Sum } from "./residual.ts";
import { biasAdd, skipNorm } from "./skip-norm.ts";
import { stackedSum } from "./stacked-sum.ts";

/** Returns the sum that a node holds, in any form; null if it holds none. */
export const sumIn = (node: Node, types: Types): Sum | null =>
  plainSum(node) ??
  differenceSum(node) ??
  stackedSum(node, types) ??
  skipNorm(node) ??
  biasAdd(node) ??
  closedSum(node);

/** Returns the sums that nodes hold, in their order. */
export function sumsIn(types: Types, scopes: readonly Scope[]): ReadonlyMap<Node, Sum> {
  const sums = new Map<Node, Sum>();
  for (const { nodes } of scopes)
    for (const node of nodes) {
      const sum = sumIn(node, types);
      if (sum) sums.set(node, sum);
    }
  return sums;
}
