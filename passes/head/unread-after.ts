import type { Graph, Node, Use, Value } from "../../src/graph/graph.ts";

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
  const values: Value[] = [];
  const seen = [
    ...removed.flatMap((node) => node.inputs),
    ...lost.map(({ node, index }) => node.inputs[index]),
  ];
  for (const value of seen) {
    if (
      !value ||
      value.scope !== main ||
      value.isOutput ||
      values.includes(value) ||
      kept.includes(value)
    )
      continue;
    if (!value.uses.every(isLost)) continue;
    const { producer } = value;
    if (!producer) {
      if (value.initializer && !inputs.has(value.name)) values.push(value);
      continue;
    }
    const isRead = (output: Value | null) =>
      output !== null && (output.isOutput || !output.uses.every(isLost));
    if (gone.has(producer) || producer.outputs.some(isRead)) continue;
    gone.add(producer);
    seen.push(...producer.inputs, ...producer.captures);
  }
  return [...[...gone].filter((node) => !removed.includes(node)), ...values];
}
