import type { Graph, Value } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";

const DOMAIN = "com.microsoft.nchwc";

/**
 * The values whose channels lie in NCHWc blocks: all that is computed from an NCHWc operator up to
 * where it is laid out again. Their shape does not tell it, so that a map of the features would take
 * others for them, and every comparison of values would still hold.
 */
export function blockedValues(graph: Graph): ReadonlySet<Value> {
  const blocked = new Set<Value>();
  if (!graph.file.opsets.has(DOMAIN)) return blocked;
  for (const { nodes } of scopesOf(graph))
    for (const { inputs, outputs, message } of nodes) {
      const { domain, opType } = message;
      const blocks =
        domain === DOMAIN
          ? opType !== "ReorderOutput"
          : inputs.some((value) => value && blocked.has(value));
      for (const value of blocks ? outputs : []) if (value) blocked.add(value);
    }
  return blocked;
}
