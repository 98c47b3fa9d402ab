import type { Graph, Node, Scope, Value } from "../graph/graph.ts";
import { type Counterpart, sameFunctions } from "./matching.ts";

/**
 * Pairs nodes of two models that do the same work under different names: the same operator on
 * corresponding values. This compares a renumbered model node by node too.
 */
export function likeCounterparts(a: Graph, b: Graph, named: readonly Counterpart[]): Counterpart[] {
  const twins = new Map<Value, Value>();
  const partners = new Map(named.map((pair) => [pair.a, pair.b]));
  const taken = new Set(partners.values());
  const found: Counterpart[] = [];
  const twinOf = (value: Value | null | undefined) =>
    value ? (twins.get(value) ?? null) : (null as Value | null);
  const set = (x: Value | null | undefined, y: Value | null | undefined) => {
    if (x && y) twins.set(x, y);
  };
  const walk = (x: Scope, y: Scope): void => {
    for (const [k, input] of x.inputs.entries())
      set(input, y.inputs.find(({ name }) => name === input.name) ?? y.inputs[k]);
    for (const [name, value] of x.values) if (!value.producer) set(value, y.values.get(name));
    const open = new Map<string, Node[]>();
    for (const node of y.nodes) {
      if (taken.has(node)) continue;
      const key = `${node.op} ${firstRead(node)?.name ?? ""}`;
      const several = open.get(key);
      if (several) several.push(node);
      else open.set(key, [node]);
    }
    for (const node of x.nodes) {
      let partner = partners.get(node);
      if (!partner) {
        const first = firstRead(node);
        const key = `${node.op} ${first ? (twinOf(first)?.name ?? "") : ""}`;
        partner = open.get(key)?.find((other) => !taken.has(other) && isLike(node, other));
        if (!partner) continue;
        taken.add(partner);
        found.push({ a: node, b: partner });
      }
      for (const [k, output] of node.outputs.entries()) set(output, partner.outputs[k]);
      for (const [k, body] of node.bodies.entries())
        if (partner.bodies[k]) walk(body, partner.bodies[k]);
    }
  };
  /**
   * Whether a node reads the counterparts of another's inputs, as far as known; weights may have
   * other names.
   */
  const isLike = (x: Node, y: Node) =>
    x.inputs.length === y.inputs.length &&
    x.inputs.every((value, slot) => {
      const other = y.inputs[slot];
      if (!value || !other) return !value === !other;
      return value.producer || !other.initializer
        ? twinOf(value) === other
        : !twins.has(value) || twinOf(value) === other || value.name !== other.name;
    });
  walk(a.main, b.main);
  for (const [x, y] of sameFunctions(a, b)) walk(x, y);
  return found;
}

/** Returns the first input of a node that is not a weight. */
const firstRead = ({ inputs }: Node) => inputs.find((value) => value && !value.initializer) ?? null;
