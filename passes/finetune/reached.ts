import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import type { Insertion } from "../../src/graph/patch-contents.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import type { Model } from "../../src/model.ts";
import { furtherWeights } from "../adapter/trainable.ts";

/** The weights that each glob of `train` names. */
export const namedWeights = (model: Model, train: readonly string[] = []): string[][] =>
  train.map((glob) => furtherWeights(model, [glob]));

/** Throws an InputError if no weight of a glob reaches an output. Returns a note on idle ones. */
export function checkReached(
  graph: Graph,
  outputs: readonly Value[],
  named: readonly (readonly string[])[],
): string[] {
  if (named.length === 0) return [];
  const behind = new Set(walk(outputs, sourcesOf));
  const isReached = (name: string) => behind.has(graph.main.values.get(name)!);
  const output = outputs.map(({ name }) => name).join(", ");
  refuse(named, isReached, output);
  const idle = [...new Set(named.flat())].filter((name) => !isReached(name));
  const as = idle.length > 1 ? "stay as they are" : "stays as it is";
  return idle.length > 0 ? [`${listed(idle)} cannot change output ${output} and ${as}.`] : [];
}

/** Nodes from which neither the written nodes nor these outputs are computed. */
export function unneeded(
  { main: { nodes, values } }: Graph,
  written: readonly Insertion[],
  outputs: readonly string[],
): Node[] {
  const read = [...written.flatMap(({ node }) => node.inputs), ...outputs];
  const ends = read.flatMap((name) => values.get(name) ?? []);
  const behind = new Set<Value | null>(walk(ends, sourcesOf));
  return nodes.filter((node) => !node.outputs.some((output) => behind.has(output)));
}

/** Throws an InputError if all weights of a glob have no gradient whatever the data. */
export function checkDifferentiable(
  reached: readonly { readonly of: { readonly name: string } }[],
  named: readonly (readonly string[])[],
  output: string,
): void {
  const names = new Set(reached.map(({ of }) => of.name));
  refuse(named, (name) => names.has(name), output);
}

function refuse(
  named: readonly (readonly string[])[],
  isReached: (name: string) => boolean,
  output: string,
): void {
  const names = named.flatMap((weights) => (weights.some(isReached) ? [] : weights));
  if (names.length === 0) return;
  throw new InputError(
    `--train names ${listed(names, 4)}, which cannot change output ${output}; leave ${names.length > 1 ? "them" : "it"} out, or choose another output with --output-name.`,
  );
}
