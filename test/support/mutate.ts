import { modelMutations } from "./mutate-model.ts";
import { sizeMutations } from "./mutate-size.ts";
import { damaged, type Mutation, wireMutations } from "./mutate-wire.ts";
import type { SeededDraw } from "./seeded.ts";
import { copy } from "./wire-places.ts";
import { encode, type Field } from "./wire-tree.ts";

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  ...wireMutations,
  ...modelMutations,
  ...sizeMutations,
};

/** The mutations by name. */
export const mutationNames = Object.keys(MUTATIONS);

/** A mutated model, and what was done to it. */
export interface Mutant {
  readonly bytes: Uint8Array;
  readonly did: readonly string[];
}

/** Mutates a model in one to four places, or rarely not at all; parts of `donor` may come in. */
export function mutate(draw: SeededDraw, model: readonly Field[], donor: readonly Field[]): Mutant {
  const fields = copy(model);
  const did: string[] = [];
  if (draw.oneIn(10))
    return { bytes: damaged(draw, encode(fields), encode(donor)), did: ["bytes"] };
  if (draw.oneIn(40)) return { bytes: encode(fields), did };
  const wanted = 1 + (draw.oneIn(3) ? draw.upTo(3) : 0);
  for (let tries = 0; did.length < wanted && tries < 20; tries++) {
    const of = draw.one([wireMutations, modelMutations, modelMutations, modelMutations]);
    const name = draw.one(Object.keys(draw.oneIn(20) ? sizeMutations : of));
    if (MUTATIONS[name](draw, fields, donor as Field[])) did.push(name);
  }
  return { bytes: encode(fields), did };
}
