import { outward, type Scope } from "./graph.ts";

/** Operators that search for tokens, with whole models as their bodies. */
export const TOKEN_SEARCHES: ReadonlySet<string> = new Set(
  ["BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"].map(
    (op) => `com.microsoft.${op}`,
  ),
);

/**
 * The scope that holds the new weights which a scope reads: the nearest body around it whose
 * operator takes no new values from outside, else undefined for the main graph.
 */
export const weightsScope = (scope: Scope): Scope | undefined =>
  [...outward(scope)].find(({ owner }) => owner && TOKEN_SEARCHES.has(owner.op));
