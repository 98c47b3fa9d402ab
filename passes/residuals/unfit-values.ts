import { readsShapeOnly } from "../../src/graph/constants.ts";
import { type Graph, outputsOf, type Scope, type Value } from "../../src/graph/graph.ts";
import { graphNodes, scopesOf } from "../../src/graph/scopes.ts";
import type { Setting } from "./residual.ts";

/** Returns the values that make sums of them unfit for LAuReL, whatever else they add. */
export function unfitValues(graph: Graph): Pick<Setting, "blocked" | "onlySized"> {
  return { blocked: blockedValues(graph), onlySized: onlySizedValues([...scopesOf(graph)]) };
}

const DOMAIN = "com.microsoft.nchwc";

/**
 * Returns the values in NCHWc blocks: everything computed from an NCHWc operator until the layout
 * is restored. Their shape does not show it, so a map of the features would mix the wrong channels,
 * and every comparison of values would still pass.
 */
function blockedValues(graph: Graph): ReadonlySet<Value> {
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

/**
 * Returns the values of which only the shape matters: every path from them ends in an operator that
 * reads shapes. Exporters write such values for `broadcast_tensors`. Outer scopes must come first.
 */
function onlySizedValues(scopes: readonly Scope[]): ReadonlySet<Value> {
  if (!scopes.some(({ nodes }) => nodes.some(readsShapeOnly))) return new Set();
  /** Values whose data nothing reads, and whether anything reads their shape. */
  const sized = new Map<Value, boolean>();
  for (const { nodes } of scopes.toReversed())
    for (const output of nodes.toReversed().flatMap(outputsOf)) {
      const isSized = output.isOutput ? null : readsOnlyShape(output, sized);
      if (isSized !== null) sized.set(output, isSized);
    }
  return new Set([...sized].flatMap(([value, isSized]) => (isSized ? [value] : [])));
}

/** Whether a shape is read of a value, or of what is made of it; null if data is read of them. */
function readsOnlyShape({ uses }: Value, sized: ReadonlyMap<Value, boolean>): boolean | null {
  let isSized = false;
  for (const { node } of uses) {
    if (readsShapeOnly(node)) isSized = true;
    else
      for (const made of outputsOf(node)) {
        const isMadeSized = sized.get(made);
        if (isMadeSized === undefined) return null;
        isSized ||= isMadeSized;
      }
  }
  return isSized;
}
