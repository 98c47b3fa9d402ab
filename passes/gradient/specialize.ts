import { bound, type Sizes } from "../../src/graph/bound.ts";
import { writing } from "../../src/graph/builder.ts";
import type { Types } from "../../src/graph/types.ts";
import { computedConstants } from "../../src/infer/constants.ts";
import { withRanks } from "../../src/infer/ranks.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";

/** A model with fixed sizes, as far as they do not depend on its data. */
export interface Specialized {
  readonly model: Model;
  readonly types: Types;
}

/** Rounds of inference: each fixes the reshapes that depend on the sizes of the round before. */
const ROUNDS = 100;

/** Which sizes are fixed, and what may not become a constant. */
export interface SpecializeOptions {
  /** Sizes of free dimensions by name. */
  readonly dims?: Sizes;
  /** Names of weights that are not constants. */
  readonly free: readonly string[];
  /** The least size that a dimension may have; 1 by default. */
  readonly least?: number;
}

/**
 * Fixes the free dimensions of a model's inputs, and replaces what is computed from sizes alone by
 * constants, until no more sizes are found. For these sizes, the model computes the same as before.
 * Throws an InputError if the model has no dimension of a name.
 */
export async function specialize(
  model: Model,
  ort: Ort,
  { dims = {}, free, least = 1 }: SpecializeOptions,
): Promise<Specialized> {
  let now = await patched(model.graph, bound(model.graph, dims, least));
  for (let round = 0; ; round++) {
    const { graph } = now;
    const { types } = await typesOf(now, ort);
    const constants = await computedConstants(ort, graph, types, new Set(free));
    if (constants.size === 0 || round === ROUNDS)
      return { model: now, types: await withRanks(ort, graph, types) };
    const { fresh } = writing(graph, "constant");
    const named = [...constants].map(
      ([value, tensor]) => [value, { ...tensor, name: fresh(`${value.name}.constant`) }] as const,
    );
    const redirects = named.flatMap(([{ uses }, { name }]) =>
      uses.filter(({ node }) => node.scope === graph.main).map((use) => ({ use, name })),
    );
    const tensors = named.map(([, tensor]) => tensor);
    now = await patched(graph, { nodes: [], tensors, redirects });
  }
}
