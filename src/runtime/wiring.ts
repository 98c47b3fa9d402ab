import type { Graph, Value } from "../graph/graph.ts";
import { type Counterpart, NUMBERED } from "./counterparts.ts";
import { type Finding, placeOf, titleOf } from "./finding.ts";
import { sameFunctions } from "./functions.ts";
import { bodiesOf } from "./inside.ts";

/**
 * Nodes that read, at some place, another value of the first model in the second: operands
 * exchanged, a factor on another term. What comes from a node that only the second has is no such.
 */
export function wiringDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const twins = twinValues(a, b, pairs);
  const known = new Set(twins.values());
  return pairs.flatMap((pair): Finding[] => {
    const [x, y] = [pair.a, pair.b];
    const other = x.inputs.some((value, slot) => {
      const twin = value && twins.get(value);
      const read = y.inputs[slot];
      return twin && read && read !== twin && known.has(read);
    });
    if (x.op !== y.op || !other) return [];
    const [left, right] = [x, y].map(({ message }) => message.inputs.join(", "));
    const where = `node ${titleOf(x)}${placeOf(x.scope)}`;
    const what = `reads ${left} in the first, ${right} in the second`;
    return [{ kind: "node", where, what, harmless: false }];
  });
}

/** Values of the first model, and those of the second that stand for the same. */
function twinValues(a: Graph, b: Graph, pairs: readonly Counterpart[]): ReadonlyMap<Value, Value> {
  const twins = new Map<Value, Value>();
  const set = (x: Value | null | undefined, y: Value | null | undefined) =>
    x && y && twins.set(x, y);
  for (const pair of pairs)
    for (const [k, value] of pair.a.outputs.entries()) set(value, pair.b.outputs[k]);
  for (const input of a.main.inputs) set(input, b.main.values.get(input.name));
  const inner = [...bodiesOf(pairs), ...sameFunctions(a, b)];
  for (const [x, y] of inner)
    for (const [k, input] of x.inputs.entries())
      set(input, y.inputs.find(({ name }) => name === input.name) ?? y.inputs[k]);
  for (const [x, y] of [[a.main, b.main] as const, ...inner])
    for (const [name, value] of x.values)
      if (value.initializer && !NUMBERED.test(name) && y.values.get(name)?.initializer)
        set(value, y.values.get(name));
  return twins;
}
