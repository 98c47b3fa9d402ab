import { numbersOf } from "../graph/constants.ts";
import { type Graph, outputsOf, type Value } from "../graph/graph.ts";
import { operatorsThat } from "../graph/operators.ts";
import { walk } from "../graph/walk.ts";

const CARRIERS = operatorsThat("carries");

/** As corners are taken out of boxes, and lengths sorted before a recurrence. */
const SORTERS = operatorsThat("sorts");

/** Maximum number of values that a search visits. */
const LOOKS = 1000;

/** Returns the values that a value's numbers reach unchanged, sorted or not, itself included. */
export const arrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value), LOOKS);

/** Like `arrivals`, but excluding values that it only selects or shapes. */
export const dataArrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value, (op, index) => index === 0 && carries(op, index)), LOOKS);

const carries = (op: string, index: number): boolean =>
  CARRIERS.has(op) || (index === 0 && SORTERS.has(op));

const carried = ({ uses }: Value, passes = carries): Value[] =>
  uses.filter(({ node, index }) => passes(node.op, index)).flatMap(({ node }) => outputsOf(node));

/** Returns the numbers that an input is compared with, such as sample rates. */
export function comparedWith(graph: Graph, input: Value): number[] {
  const numbers = new Set<number>();
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses)
      if (node.op === "Equal")
        for (const number of numbersOf(graph, node.inputs[1 - index]) ?? []) numbers.add(number);
  return [...numbers];
}
