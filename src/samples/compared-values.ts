import { numbersOf } from "../graph/constants.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { walk } from "../graph/walk.ts";

/** Operators that hand numbers on as they are. */
const CARRIERS = new Set(
  "Cast Identity Reshape Unsqueeze Squeeze Transpose Flatten Slice Concat Expand Clip Where".split(
    " ",
  ),
);

/** Values that a search may look at. */
const LOOKS = 1000;

/** Where a value's numbers arrive as they are: itself, and what carriers make of it. */
export const arrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value), LOOKS);

/** The same, but for what only decides how another value is carried. */
export const dataArrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value, 0), LOOKS);

const carried = ({ uses }: Value, slot?: number): Value[] =>
  uses
    .filter(({ node, index }) => CARRIERS.has(node.op) && (slot === undefined || index === slot))
    .flatMap(({ node }) => node.outputs.filter((output) => output !== null));

/** Numbers with which an input is compared, as a sample rate is before the branches for each. */
export function comparedWith(graph: Graph, input: Value): number[] {
  const numbers = new Set<number>();
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses)
      if (node.op === "Equal")
        for (const number of numbersOf(graph, node.inputs[1 - index]) ?? []) numbers.add(number);
  return [...numbers];
}
