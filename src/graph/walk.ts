import type { Node, Value } from "./graph.ts";

/**
 * Walks from some items to those that `next` gives for each, every item once, the nearest first.
 * Ends once it knows of more than `limit` items.
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

/** The values that the node which makes a value reads, in its bodies too; none for inputs and initializers. */
export const sourcesOf = ({ producer }: Value): Value[] =>
  producer ? [...producer.inputs, ...producer.captures].filter((value) => value !== null) : [];

/** The values that the nodes which read a value make. */
export const productsOf = ({ uses }: Value): Value[] =>
  uses.flatMap(({ node }) => node.outputs.filter((value) => value !== null));

/** A node and all nodes inside it: in its bodies, and in the function that it calls, each once. */
export const nodesWithin = (node: Node): Generator<Node> =>
  walk([node], ({ bodies, callee }) =>
    (callee ? [...bodies, callee] : bodies).flatMap(({ nodes }) => nodes),
  );
