import { readsShapeOnly } from "../../src/graph/constants.ts";
import { outputsOf, type Scope, type Value } from "../../src/graph/graph.ts";

/**
 * Returns the values of which only the shape matters: every path from them ends in an operator that
 * reads shapes. Exporters write such values for `broadcast_tensors`. Outer scopes must come first.
 */
export function onlySizedValues(scopes: readonly Scope[]): ReadonlySet<Value> {
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
