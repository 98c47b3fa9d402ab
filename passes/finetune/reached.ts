import { InputError } from "../../src/errors.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { listed } from "../../src/listed.ts";

/** Throws an InputError if one of some weights has no path to an output that a loss is attached to. */
export function checkReached(
  graph: Graph,
  outputs: readonly Value[],
  weights: readonly string[],
): void {
  if (weights.length === 0) return;
  const behind = new Set(walk(outputs, sourcesOf));
  refuse(
    weights.filter((name) => !behind.has(graph.main.values.get(name)!)),
    outputs.map(({ name }) => name).join(", "),
  );
}

/** Throws an InputError if one of some weights has no gradient whatever the data. */
export function checkDifferentiable(
  reached: readonly { readonly of: { readonly name: string } }[],
  weights: readonly string[],
  output: string,
): void {
  const names = new Set(reached.map(({ of }) => of.name));
  refuse(
    weights.filter((name) => !names.has(name)),
    output,
  );
}

function refuse(names: readonly string[], output: string): void {
  if (names.length === 0) return;
  throw new InputError(
    `--train names ${listed(names, 4)}, which cannot change output ${output}; leave ${names.length > 1 ? "them" : "it"} out, or choose another output with --output-name.`,
  );
}
