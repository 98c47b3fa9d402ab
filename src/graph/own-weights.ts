import type { Scope } from "./graph.ts";
import { operatorsThat } from "./operators.ts";

/** Operators that search for tokens, with whole models as bodies. */
export const TOKEN_SEARCHES = operatorsThat("search");

/**
 * Returns the scope that holds new weights read in a scope: the nearest enclosing body whose
 * operator does not accept new outer values, or undefined for the main graph.
 */
export function weightsScope(scope: Scope): Scope | undefined {
  const { owner } = scope;
  if (!owner) return undefined;
  return TOKEN_SEARCHES.has(owner.op) ? scope : weightsScope(owner.scope);
}
