import { bound, type Sizes } from "../../src/graph/bound.ts";
import { writing } from "../../src/graph/builder.ts";
import type { Types } from "../../src/graph/types.ts";
import { computedConstants } from "../../src/infer/constants.ts";
import { withRanks } from "../../src/infer/ranks.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";

/** A model whose sizes are settled, as far as they can be told without its data. */
export interface Settled {
  readonly model: Model;
  readonly types: Types;
}

/** Rounds of inference: each settles the reshapes that the sizes of the one before lead to. */
const ROUNDS = 100;

/**
 * Binds the free dimensions of a model's inputs, and puts what is computed from sizes alone in as
 * constants, until no more sizes are found: the model computes what it did, for these sizes.
 * `free` names weights that are no constants, `least` is the least size that a dimension may have.
 * Throws an InputError where a dimension's name is none of the model's.
 */
export async function settled(
  model: Model,
  ort: Ort,
  dims: Sizes,
  free: readonly string[],
  least = 1,
): Promise<Settled> {
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
