import type { Graph, Node, Scope } from "../graph/graph.ts";
import { descend } from "../graph/walk.ts";

/** A node of one model and its counterpart in another. */
export interface Counterpart {
  readonly a: Node;
  readonly b: Node;
}

/** Names that an exporter numbers: "12", "onnx::Add_12", "p2o.Conv.1", "Conv_12_output_0". */
export const NUMBERED = /^([^/]*[_.:])?\d+(_output_\d+)?$/;
/** Share of agreeing nodes above which numbers are considered the same in both models. */
const STABLE = 0.9;

/**
 * Pairs nodes of two models by the value they make, otherwise by their own name. It does so in the
 * main graph, in bodies of such pairs and in functions of the same name. A number as a name counts
 * only if the named things agree, so that a renumbered model is not mismatched.
 */
export const counterparts = (a: Graph, b: Graph): Counterpart[] => [...pairsWithin(a, b, pairsOf)];

/**
 * Pairs the nodes of two models scope by scope: those of the main graph and of functions of the same
 * name, and those of the bodies of each pair right behind it.
 */
export function pairsWithin(
  a: Graph,
  b: Graph,
  pairsIn: (x: Scope, y: Scope) => Iterable<Counterpart>,
): Generator<Counterpart> {
  function* ofAll(scopes: Iterable<[Scope, Scope]>) {
    for (const [x, y] of scopes) yield* pairsIn(x, y);
  }
  return descend(ofAll([[a.main, b.main], ...sameFunctions(a, b)]), (pair) =>
    ofAll(bodiesOf([pair])),
  );
}

/** Returns the bodies of counterparts, the scopes besides the main graph with initializers. */
export const bodiesOf = (pairs: readonly Counterpart[]): [Scope, Scope][] =>
  pairs.flatMap(({ a, b }) =>
    a.bodies.flatMap((body, k): [Scope, Scope][] => (b.bodies[k] ? [[body, b.bodies[k]]] : [])),
  );

/** Returns the functions of two models with the same name. */
export function sameFunctions(a: Graph, b: Graph): [Scope, Scope][] {
  const others = new Map(b.functions.map((scope) => [functionKey(scope), scope]));
  return a.functions.flatMap((scope): [Scope, Scope][] => {
    const other = others.get(functionKey(scope));
    return other ? [[scope, other]] : [];
  });
}

/** Pairs the inputs of two scopes by their names, otherwise by their places. */
export const inputPairs = (x: Scope, y: Scope) =>
  x.inputs.map(
    (input, k) => [input, y.inputs.find(({ name }) => name === input.name) ?? y.inputs[k]] as const,
  );

const functionKey = ({ message }: Scope) =>
  "domain" in message ? [message.domain, message.name, message.overload].join(":") : message.name;

/** Returns the name of a function in reports: with its domain and overload, if it has them. */
export const functionName = (scope: Scope) =>
  functionKey(scope).split(":").filter(Boolean).join(".");

function pairsOf(x: Scope, y: Scope): Counterpart[] {
  const named = namesOf(y);
  const own = namesOf(x);
  const candidates = x.nodes.flatMap((a) => {
    const { name } = a.message;
    const output = a.outputs.find(Boolean)?.name;
    const byValue = output === undefined ? null : y.values.get(output)?.producer;
    const byName = own.get(name) ? named.get(name) : null;
    return [
      ...(byValue ? [{ a, b: byValue, by: output! }] : []),
      ...(byName && byName !== byValue ? [{ a, b: byName, by: name }] : []),
    ];
  });
  const numbered = candidates.filter(({ by }) => NUMBERED.test(by));
  const agreeing = numbered.filter(({ a, b }) => a.op === b.op && sameWeights(a, b));
  const stable = agreeing.length >= STABLE * numbered.length;
  const taken = new Set<Node>();
  const pairs: Counterpart[] = [];
  for (const { a, b, by } of candidates) {
    if (taken.has(a) || taken.has(b)) continue;
    if (!stable && NUMBERED.test(by) && !agree(a, b)) continue;
    taken.add(a).add(b);
    pairs.push({ a, b });
  }
  return pairs;
}

/** Returns nodes by their names, without ambiguous ones. */
function namesOf({ nodes }: Scope): ReadonlyMap<string, Node | null> {
  const names = new Map<string, Node | null>();
  for (const node of nodes) {
    const { name } = node.message;
    if (name) names.set(name, names.has(name) ? null : node);
  }
  return names;
}

const sourceOf = ({ inputs }: Node, slot: number) => {
  const value = inputs[slot];
  return value?.producer ? value.producer.op : (value?.name ?? "");
};

const fixed = (node: Node) =>
  [...node.inputs.keys()].filter((slot) => !node.inputs[slot]?.producer);

/** Whether both read the same weights; some of several may be computed in the second, as a scaled bias. */
function sameWeights(a: Node, b: Node): boolean {
  const own = fixed(a);
  const both = own.filter((slot) => !b.inputs[slot]?.producer);
  return (
    both.length >= Math.min(1, own.length) &&
    both.every((slot) => sourceOf(a, slot) === sourceOf(b, slot))
  );
}

/** Whether both have one operator, and inputs that are one weight or of one operator. */
const agree = (a: Node, b: Node) =>
  a.op === b.op &&
  a.inputs.length === b.inputs.length &&
  a.inputs.every((_, slot) => sourceOf(a, slot) === sourceOf(b, slot));
