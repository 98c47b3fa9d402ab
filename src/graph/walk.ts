import type { Node, Value } from "./graph.ts";

/**
 * Walks breadth-first from some items to those that `next` returns for each, every item once. Stops
 * when it has found more than `limit` items.
 */
export function* walk<Item>(
  from: Iterable<Item>,
  next: (item: Item) => Iterable<Item>,
  limit = Infinity,
): Generator<Item> {
  const seen = new Set(from);
  for (const item of seen) {
    if (seen.size > limit) return;
    yield item;
    for (const other of next(item)) seen.add(other);
  }
}

/**
 * Returns the values that the node which makes a value reads, including those in its bodies; none
 * for inputs and initializers.
 */
export const sourcesOf = ({ producer }: Value): Value[] =>
  producer ? [...producer.inputs, ...producer.captures].filter((value) => value !== null) : [];

/** Returns the value behind the nodes that `passes` accepts, each of which reads it as its first input. */
export function behind(value: Value, passes: (node: Node) => boolean): Value {
  let at = value;
  while (at.producer?.inputs[0] && passes(at.producer)) at = at.producer.inputs[0];
  return at;
}

/** Returns the values made by the nodes that read a value. */
export const productsOf = ({ uses }: Value): Value[] =>
  uses.flatMap(({ node }) => node.outputs.filter((value) => value !== null));

/** A node and all nodes inside it: in its bodies, and in the function that it calls, each once. */
export const nodesWithin = (node: Node): Generator<Node> =>
  walk([node], ({ bodies, callee }) =>
    (callee ? [...bodies, callee] : bodies).flatMap(({ nodes }) => nodes),
  );
