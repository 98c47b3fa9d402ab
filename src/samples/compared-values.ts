import { numbersOf } from "../graph/constants.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { walk } from "../graph/walk.ts";

/** Operators that hand numbers on as they are. */
const CARRIERS = new Set(
  "Cast Identity Reshape Unsqueeze Squeeze Transpose Flatten Slice Concat Expand Clip Where".split(
    " ",
  ),
);

/** Operators that put numbers in order, as lengths are before a recurrence over padded sequences. */
const SORTERS = new Set(["TopK", "Gather"]);

/** Values that a search may look at. */
const LOOKS = 1000;

/** Where a value's numbers arrive as they are: itself, and what carriers make of it. */
export const arrivals = (input: Value): Iterable<Value> =>
  walk([input], (value) => carried(value), LOOKS);

/** The same, and what is sorted; but not what only decides how another value is carried. */
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

/** Numbers with which an input is compared, as a sample rate is before the branches for each. */
export function comparedWith(graph: Graph, input: Value): number[] {
  const numbers = new Set<number>();
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses)
      if (node.op === "Equal")
        for (const number of numbersOf(graph, node.inputs[1 - index]) ?? []) numbers.add(number);
  return [...numbers];
}
