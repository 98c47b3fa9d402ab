import { outward, type Scope } from "./graph.ts";

/** Operators that search for tokens, with whole models as bodies. */
export const TOKEN_SEARCHES: ReadonlySet<string> = new Set(
  ["BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"].map(
    (op) => `com.microsoft.${op}`,
  ),
);

/**
 * Returns the scope that holds new weights read in a scope: the nearest enclosing body whose
 * operator does not accept new outer values, or undefined for the main graph.
 */
export const weightsScope = (scope: Scope): Scope | undefined =>
  [...outward(scope)].find(({ owner }) => owner && TOKEN_SEARCHES.has(owner.op));
