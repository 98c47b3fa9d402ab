import { firstFrom } from "../entry.ts";
import { type Node, outputsOf, readsOf, type Scope, type Value } from "./graph.ts";

/**
 * Walks breadth-first from some items to those that `next` returns for each, every item once, or
 * once for what `keyOf` returns for it, if it carries a state. Stops when it has found more than
 * `limit` items.
 */
export function* walk<Item>(
  from: Iterable<Item>,
  next: (item: Item) => Iterable<Item>,
  limit = Infinity,
  keyOf: (item: Item) => unknown = itself,
): Generator<Item> {
  const items = new Map<unknown, Item>();
  const find = (found: Iterable<Item>) => {
    for (const item of found) {
      const key = keyOf(item);
      if (!items.has(key)) items.set(key, item);
    }
  };
  find(from);
  for (const item of items.values()) {
    if (items.size > limit) return;
    yield item;
    find(next(item));
  }
}

const itself = <Item>(item: Item) => item;

/**
 * Walks depth-first: each item is followed by those that `next` returns for it, which are asked for
 * one by one. Every item once, by `keyOf` as in `walk`.
 */
export function* descend<Item>(
  from: Iterable<Item>,
  next: (item: Item) => Iterable<Item>,
  keyOf: (item: Item) => unknown = itself,
): Generator<Item> {
  const seen = new Set<unknown>();
  const open = [from[Symbol.iterator]()];
  while (open.length > 0) {
    const { done, value } = open.at(-1)!.next();
    if (done) open.pop();
    else if (!seen.has(keyOf(value))) {
      seen.add(keyOf(value));
      yield value;
      open.push(next(value)[Symbol.iterator]());
    }
  }
}

/**
 * Walks from the item of the least `orderOf` to the least of those that are reached then; of equal
 * ones, the first that was reached. `next` returns what an item leads to.
 */
export function* bestFirst<Item>(
  starts: Iterable<Item>,
  next: (item: Item) => Iterable<Item>,
  orderOf: (item: Item) => number,
): Generator<Item> {
  // The last is the next.
  const open: Item[] = [];
  const add = (items: Iterable<Item>) => {
    for (const item of items) {
      const place = firstFrom(open.length, (k) => orderOf(open[k]) <= orderOf(item));
      if (place === open.length) open.push(item);
      else open.splice(place, 0, item);
    }
  };
  add(starts);
  for (let first = open.pop(); first !== undefined; first = open.pop()) {
    yield first;
    add(next(first));
  }
}

/**
 * Returns a function that computes an item's result from those of other items, which `compute` asks
 * for; each is computed once. `depth` counts the items that wait for this one. `circular` is called
 * for an item that needs its own result.
 */
export function derived<Item, Result>(
  compute: (item: Item, resultOf: (item: Item) => Result, depth: number) => Result,
  circular: (item: Item) => Result,
): (item: Item) => Result {
  const results = new Map<Item, Result>();
  const open = new Set<Item>();
  const resultOf = (item: Item): Result => {
    if (results.has(item)) return results.get(item)!;
    if (open.has(item)) return circular(item);
    const depth = open.size;
    open.add(item);
    const result = compute(item, resultOf, depth);
    open.delete(item);
    results.set(item, result);
    return result;
  };
  return resultOf;
}

/** Returns the values that the node which makes a value reads; none for inputs and initializers. */
export const sourcesOf = ({ producer }: Value): readonly Value[] =>
  producer ? readsOf(producer) : [];

/** Returns the value behind the nodes that `passes` accepts, each of which reads it as its first input. */
export function behind(value: Value, passes: (node: Node) => boolean): Value {
  let at = value;
  while (at.producer?.inputs[0] && passes(at.producer)) at = at.producer.inputs[0];
  return at;
}

/** Returns the values made by the nodes that read a value. */
export const productsOf = ({ uses }: Value): Value[] => uses.flatMap(({ node }) => outputsOf(node));

/** Yields a node and all nodes in its bodies and in the function that it calls, each once. */
export const nodesWithin = (node: Node): Generator<Node> =>
  walk([node], (outer) => scopesIn(outer).flatMap(({ nodes }) => nodes));

/** Returns the scopes that a node runs: its bodies, and the function that it calls. */
export const scopesIn = ({ bodies, callee }: Node): readonly Scope[] =>
  callee ? [...bodies, callee] : bodies;
