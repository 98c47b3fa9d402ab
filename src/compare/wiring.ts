import type { Graph, Node, Value } from "../graph/graph.ts";
import { sourcesOf, walk } from "../graph/walk.ts";
import { type Finding, finding, placeOf, titleIn } from "./finding.ts";
import { bodiesOf, type Counterpart, inputPairs, NUMBERED, sameFunctions } from "./matching.ts";

type Twins = ReadonlyMap<Value, Value>;

/**
 * Returns nodes with an input or output that differs in the second model: operands exchanged,
 * removed or added, a value computed twice for one reader. New nodes between a value and its reader
 * are not a difference.
 */
export function wiringDifferences(
  a: Graph,
  b: Graph,
  pairs: readonly Counterpart[],
  weights: Twins,
): Finding[] {
  const twins = twinValues(a, b, pairs, weights);
  const paired = new Set(pairs.map((pair) => pair.b));
  const readsSame = (x: Value | null, y: Value | null): boolean => {
    if (!x || !y) return !x === !y;
    const twin = twins.get(x);
    // A lost value is reported at the node that made it; new nodes may compute what is read.
    return !twin || y === twin || comesFrom(y, twin, paired);
  };
  const findings = pairs.flatMap((pair): Finding[] => {
    const [x, y] = [pair.a, pair.b];
    const found = (what: string) => finding("node", titleIn(x), what);
    if (x.op !== y.op) return [];
    const shown = (node: Node, kind: "inputs" | "outputs") => node.message[kind].join(", ");
    const reads = Array.from({ length: Math.max(x.inputs.length, y.inputs.length) }, (_, slot) =>
      readsSame(x.inputs[slot] ?? null, y.inputs[slot] ?? null),
    ).every(Boolean);
    const makes =
      x.outputs.length === y.outputs.length &&
      x.outputs.every((value, k) => sameName(value, y.outputs[k]));
    const [inputs, outputs] = (["inputs", "outputs"] as const).map(
      (kind) => `${shown(x, kind)} in the first, ${shown(y, kind)} in the second`,
    );
    return [
      ...(reads ? [] : [found(`reads ${inputs}`)]),
      ...(makes ? [] : [found(`makes ${outputs}`)]),
    ];
  });
  return [...findings, ...portDifferences(pairs, readsSame)];
}

/** Returns bodies and functions whose inputs or outputs differ, or are in another order. */
function portDifferences(
  pairs: readonly Counterpart[],
  readsSame: (x: Value, y: Value) => boolean,
): Finding[] {
  return bodiesOf(pairs).flatMap(([x, y]): Finding[] => {
    const same =
      x.outputs.length === y.outputs.length &&
      x.outputs.every((value, k) => readsSame(value, y.outputs[k])) &&
      x.inputs.length === y.inputs.length &&
      x.inputs.every((value, k) => sameName(value, y.inputs[k]));
    const names = (values: readonly Value[]) => values.map(({ name }) => name).join(", ");
    const shown = ({ inputs, outputs }: typeof x) => `(${names(inputs)}) => (${names(outputs)})`;
    if (same) return [];
    const what = `is ${shown(x)} in the first, ${shown(y)} in the second`;
    return [finding("node", `graph${placeOf(x)}`, what)];
  });
}

/** Whether values have the same name, or names that an exporter numbers. */
const sameName = (x: Value | null, y: Value | null | undefined) =>
  !x || !y ? !x === !y : x.name === y.name || (NUMBERED.test(x.name) && NUMBERED.test(y.name));

/** Whether new nodes compute one value from another, beside what the first model has. */
function comesFrom(value: Value, from: Value, known: ReadonlySet<Node>): boolean {
  const read = (at: Value) => (at.producer && known.has(at.producer) ? [] : sourcesOf(at));
  for (const at of walk([value], read)) if (at === from) return true;
  return false;
}

/** Returns values of the first model, and their counterparts in the second. */
export function twinValues(
  a: Graph,
  b: Graph,
  pairs: readonly Counterpart[],
  weights: Twins,
): Twins {
  const twins = new Map<Value, Value>(weights);
  const set = (x: Value | null | undefined, y: Value | null | undefined) =>
    x && y && twins.set(x, y);
  for (const pair of pairs)
    for (const [k, value] of pair.a.outputs.entries()) set(value, pair.b.outputs[k]);
  for (const input of a.main.inputs) set(input, b.main.values.get(input.name));
  for (const [x, y] of [...bodiesOf(pairs), ...sameFunctions(a, b)])
    for (const [input, twin] of inputPairs(x, y)) set(input, twin);
  return twins;
}
