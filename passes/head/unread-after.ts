import {
  type Graph,
  inputsOf,
  type Node,
  outputsOf,
  readsOf,
  type Use,
  type Value,
} from "../../src/graph/graph.ts";

/**
 * Returns the nodes and initializers of the main graph that nothing reads any more if these slots
 * read something else, and these nodes are removed; `kept` is read by new nodes.
 */
export function unreadAfter(
  { file, main }: Graph,
  lost: readonly Use[],
  {
    removed = [],
    kept = [],
  }: { readonly removed?: readonly Node[]; readonly kept?: readonly Value[] } = {},
): (Node | Value)[] {
  const inputs = new Set(file.graph.inputs.map(({ name }) => name));
  const gone = new Set(removed);
  const isLost = (use: Use) =>
    gone.has(use.node) || lost.some(({ node, index }) => node === use.node && index === use.index);
  const isUnread = (value: Value) => !value.isOutput && value.uses.every(isLost);
  const reached = new Set([
    ...removed.flatMap(inputsOf),
    ...lost.flatMap(({ node, index }) => node.inputs[index] ?? []),
  ]);
  const isReached = (value: Value) => reached.has(value) && !kept.includes(value);
  for (const node of main.nodes.toReversed()) {
    const computed = outputsOf(node);
    if (gone.has(node) || !computed.some(isReached) || !computed.every(isUnread)) continue;
    gone.add(node);
    for (const value of readsOf(node)) reached.add(value);
  }
  const weights = [...reached].filter(
    (value) =>
      value.initializer && value.scope === main && !inputs.has(value.name) && !kept.includes(value),
  );
  return [...[...gone].filter((node) => !removed.includes(node)), ...weights.filter(isUnread)];
}
