import { groupBy } from "../entry.ts";
import type { Graph, Node, Scope, Value } from "../graph/graph.ts";
import { type Counterpart, inputPairs, pairsWithin } from "./matching.ts";

/**
 * Pairs nodes of two models that do the same work under different names: the same operator on
 * corresponding values. This compares a renumbered model node by node too.
 */
export function likeCounterparts(a: Graph, b: Graph, named: readonly Counterpart[]): Counterpart[] {
  const twins = new Map<Value, Value>();
  const partners = new Map(named.map((pair) => [pair.a, pair.b]));
  const taken = new Set(partners.values());
  const twinOf = (value: Value | null | undefined) =>
    value ? (twins.get(value) ?? null) : (null as Value | null);
  const set = (x: Value | null | undefined, y: Value | null | undefined) => {
    if (x && y) twins.set(x, y);
  };
  function* pairsIn(x: Scope, y: Scope): Generator<Counterpart> {
    for (const [input, twin] of inputPairs(x, y)) set(input, twin);
    for (const [name, value] of x.values) if (!value.producer) set(value, y.values.get(name));
    const open = groupBy(
      y.nodes.filter((node) => !taken.has(node)),
      (node) => keyOf(node, firstRead(node)),
    );
    for (const node of x.nodes) {
      const like = (other: Node) => !taken.has(other) && isLike(node, other);
      const partner =
        partners.get(node) ?? open.get(keyOf(node, twinOf(firstRead(node))))?.find(like);
      if (!partner) continue;
      taken.add(partner);
      for (const [k, output] of node.outputs.entries()) set(output, partner.outputs[k]);
      yield { a: node, b: partner };
    }
  }
  /** Whether a node reads the known counterparts of another's inputs; weights may be renamed. */
  const isLike = (x: Node, y: Node) =>
    x.inputs.length === y.inputs.length &&
    x.inputs.every((value, slot) => {
      const other = y.inputs[slot];
      if (!value || !other) return !value === !other;
      return value.producer || !other.initializer
        ? twinOf(value) === other
        : !twins.has(value) || twinOf(value) === other || value.name !== other.name;
    });
  return [...pairsWithin(a, b, pairsIn)].filter(({ a: node }) => !partners.has(node));
}

/** What nodes that may do the same work agree in. */
const keyOf = ({ op }: Node, first: Value | null) => `${op} ${first?.name ?? ""}`;

/** Returns the first input of a node that is not a weight. */
const firstRead = ({ inputs }: Node) => inputs.find((value) => value && !value.initializer) ?? null;
