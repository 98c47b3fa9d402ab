import { numbersOf } from "../graph/constants.ts";
import type { Graph, Value } from "../graph/graph.ts";

/** Operators that hand numbers on as they are. */
export const CARRIERS = new Set(
  "Cast Identity Reshape Unsqueeze Squeeze Transpose Flatten Slice Concat Expand Clip Where".split(
    " ",
  ),
);

/** Values that a search may look at. */
const LOOKS = 1000;

/** Numbers with which an input is compared, as a sample rate is before the branches for each. */
export function comparedWith(graph: Graph, input: Value): number[] {
  const numbers = new Set<number>();
  const seen = new Set<Value>();
  const pending = [input];
  for (let value = pending.pop(); value && seen.size < LOOKS; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    for (const { node, index } of value.uses) {
      if (node.op === "Equal")
        for (const number of numbersOf(graph, node.inputs[1 - index]) ?? []) numbers.add(number);
      if (CARRIERS.has(node.op)) pending.push(...node.outputs.filter((output) => output !== null));
    }
  }
  return [...numbers];
}
