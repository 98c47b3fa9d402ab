import { groupBy } from "../entry.ts";
import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { called, type Node, readsOf, type Value } from "./graph.ts";
import { descend } from "./walk.ts";

/** Sorts nodes topologically (Kahn's algorithm). Keeps the file's order if it is topological. */
export function sorted(file: ModelFile, nodes: Node[]): Node[] {
  if (inOrder(nodes)) return nodes;
  for (const node of nodes) node.index = -1;
  const edges = nodes.flatMap((reader) =>
    [...makersFor(reader)].map((maker) => ({ maker, reader })),
  );
  const readers = groupBy(edges, ({ maker }) => maker);
  const missing = new Map(nodes.map((node) => [node, makersFor(node).size]));
  const reached = new Set<Node>();
  const isReady = (node: Node) => missing.get(node) === 0 && reached.has(node);
  function* inFileOrder() {
    for (const node of nodes) {
      reached.add(node);
      if (isReady(node)) yield node;
    }
  }
  const freedBy = (node: Node) => {
    const following = (readers.get(node) ?? []).map(({ reader }) => reader);
    for (const reader of following) missing.set(reader, missing.get(reader)! - 1);
    return following.filter(isReady).reverse();
  };
  const order = [...descend(inFileOrder(), freedBy)];
  for (const [index, node] of order.entries()) node.index = index;
  const stuck = nodes.find((node) => node.index < 0);
  if (stuck)
    throw new InputError(
      `${file.source.name}: node ${called(stuck)} (${stuck.op}) is part of a cycle, which ONNX forbids; the model is damaged.`,
    );
  return order;
}

/** Returns the nodes of the same scope that make what a node reads. */
const makersFor = (node: Node): ReadonlySet<Node> =>
  new Set(
    readsOf(node).flatMap(({ producer, scope }) =>
      producer && scope === node.scope ? [producer] : [],
    ),
  );

/** Numbers the nodes in file order; returns whether each follows the nodes it reads. */
function inOrder(nodes: readonly Node[]): boolean {
  for (const [index, node] of nodes.entries()) {
    for (const value of node.inputs) if (waits(node, value)) return false;
    for (const value of node.captures) if (waits(node, value)) return false;
    node.index = index;
  }
  return true;
}

const waits = ({ scope }: Node, value: Value | null) =>
  value !== null && value.producer !== null && value.scope === scope && value.producer.index < 0;
