import type { Node, Scope } from "../../src/graph/graph.ts";
import type { FoundResiduals } from "../laurelize/search.ts";
import type { Rejection, Site } from "../residuals/residual.ts";

/** Positions of a node and of the nodes around it, outermost first. */
type Depth = readonly number[];

/** Returns the sites in their order, those of a body at its node, and how many precede a sum. */
export function depths({ sites, lowered }: FoundResiduals): {
  readonly order: readonly Site[];
  readonly before: (rejection: Rejection) => number;
} {
  const { main } = lowered.model.graph;
  const sorted = sites
    .map((site) => ({ site, depth: depthOf(site.node, main) }))
    .sort((a, b) => compareDepths(a.depth, b.depth));
  return {
    order: sorted.map(({ site }) => site),
    before: ({ node }) => {
      const depth = depthOf(node, main);
      let [low, high] = [0, sorted.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (compareDepths(sorted[middle].depth, depth) < 0) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

/**
 * Returns a node's position. A sum may be known from a model in which less is lowered: the node
 * that makes the same value in `main` gives its position. A function's nodes come last.
 */
function depthOf(node: Node, main: Scope): Depth {
  const path: number[] = [];
  let at = node;
  for (; at.scope.owner; at = at.scope.owner) {
    const { owner } = at.scope;
    path.unshift(owner.bodies.indexOf(at.scope), at.index);
  }
  const output = at.outputs.find((value) => value !== null);
  const same = output && main.values.get(output.name)?.producer;
  const last = at.scope.kind === "function" ? [Number.MAX_SAFE_INTEGER] : [];
  return [...last, (same ?? at).index, ...path];
}

function compareDepths(a: Depth, b: Depth): number {
  for (let k = 0; k < Math.min(a.length, b.length); k++) if (a[k] !== b[k]) return a[k] - b[k];
  return a.length - b.length;
}
