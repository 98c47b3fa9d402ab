import { numbersOf } from "../graph/constants.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { operatorsThat } from "../graph/operators.ts";
import { walk } from "../graph/walk.ts";

const CARRIERS = operatorsThat("carries");

/** As lengths are sorted before a recurrence over padded sequences. */
const SORTERS = operatorsThat("sorts");

/** Maximum number of values that a search visits. */
const LOOKS = 1000;

/** Returns the values that a value's numbers reach unchanged, itself included. */
export const arrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value), LOOKS);

/**
 * Like `carried`, including sorted numbers, but excluding values that it only selects or shapes.
 */
export const dataArrivals = (input: Value): Iterable<Value> =>
  walk(
    [input],
    (value) => carried(value, (op, index) => index === 0 && (CARRIERS.has(op) || SORTERS.has(op))),
    LOOKS,
  );

const carried = (
  { uses }: Value,
  carries = (op: string, _index: number): boolean => CARRIERS.has(op),
): Value[] =>
  uses
    .filter(({ node, index }) => carries(node.op, index))
    .flatMap(({ node }) => node.outputs.filter((output) => output !== null));

/**
 * Returns the numbers that an input is compared with, such as sample rates that select a branch.
 */
export function comparedWith(graph: Graph, input: Value): number[] {
  const numbers = new Set<number>();
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses)
      if (node.op === "Equal")
        for (const number of numbersOf(graph, node.inputs[1 - index]) ?? []) numbers.add(number);
  return [...numbers];
}
