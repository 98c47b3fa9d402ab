import { bound, type Sizes } from "../../src/graph/bound.ts";
import { newBuilder } from "../../src/graph/builder.ts";
import type { Types } from "../../src/graph/graph.ts";
import { computedConstants } from "../../src/infer/constants.ts";
import { withRanks } from "../../src/infer/session-types.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import { type Ort, onCpu } from "../../src/ort/session.ts";

/** A model with fixed sizes, except for those that depend on its data. */
export interface Specialized {
  readonly model: Model;
  readonly types: Types;
}

/**
 * Number of rounds of inference: each fixes the reshapes that depend on the sizes of the previous
 * round.
 */
const ROUNDS = 100;

interface SpecializeOptions {
  readonly dims?: Sizes;
  /** Names of weights that are not constants. */
  readonly free: readonly string[];
  /** The smallest size of a dimension; 1 by default. */
  readonly least?: number;
}

/**
 * Fixes the free dimensions of a model's inputs, and replaces everything computed from sizes alone
 * by constants, until no more sizes are found. For these sizes, the model computes the same as
 * before. Throws an InputError if the model does not have a dimension of a name.
 */
export async function specialize(
  model: Model,
  given: Ort,
  { dims = {}, free, least = 1 }: SpecializeOptions,
): Promise<Specialized> {
  const ort = onCpu(given);
  let now = await patched(model.graph, bound(model.graph, dims, least));
  for (let round = 0; ; round++) {
    const { graph } = now;
    const { types } = await typesOf(now, ort);
    const constants = await computedConstants(ort, { graph, types }, new Set(free));
    if (constants.size === 0 || round === ROUNDS)
      return { model: now, types: await withRanks(ort, graph, types) };
    const { fresh } = newBuilder(graph, "constant");
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
