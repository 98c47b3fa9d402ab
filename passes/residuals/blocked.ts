import type { Graph, Value } from "../../src/graph/graph.ts";
import { graphNodes } from "../../src/graph/scopes.ts";

const DOMAIN = "com.microsoft.nchwc";

/**
 * Returns the values in NCHWc blocks: everything computed from an NCHWc operator until the layout
 * is restored. Their shape does not show it, so a map of the features would mix the wrong channels,
 * and every comparison of values would still pass.
 */
export function blockedValues(graph: Graph): ReadonlySet<Value> {
  const blocked = new Set<Value>();
  if (!graph.file.opsets.has(DOMAIN)) return blocked;
  for (const { inputs, outputs, message } of graphNodes(graph)) {
    const { domain, opType } = message;
    const blocks =
      domain === DOMAIN
        ? opType !== "ReorderOutput"
        : inputs.some((value) => value && blocked.has(value));
    for (const value of blocks ? outputs : []) if (value) blocked.add(value);
  }
  return blocked;
}
