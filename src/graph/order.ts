import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { called } from "./called.ts";
import type { Node, Value } from "./graph.ts";

/**
 * Sorts nodes topologically (Kahn's algorithm); keeps the file's own order if it is topological
 * already.
 */
export function sorted(file: ModelFile, nodes: Node[]): Node[] {
  if (inOrder(nodes)) return nodes;
  for (const node of nodes) node.index = -1;
  const order: Node[] = [];
  const missing = new Map<Node, number>();
  const readers = new Map<Node, Node[]>();
  for (const node of nodes) {
    const reads = new Set<Node>();
    for (const value of [...node.inputs, ...node.captures])
      if (value?.producer && value.scope === node.scope) reads.add(value.producer);
    missing.set(node, reads.size);
    for (const producer of reads) {
      const list = readers.get(producer);
      if (list) list.push(node);
      else readers.set(producer, [node]);
    }
  }
  const place = (node: Node) => {
    for (const ready = [node]; ready.length > 0; ) {
      const next = ready.pop()!;
      if (missing.get(next) !== 0 || next.index >= 0) continue;
      next.index = order.length;
      order.push(next);
      for (const reader of readers.get(next) ?? []) {
        const left = missing.get(reader)! - 1;
        missing.set(reader, left);
        if (left === 0 && seen.has(reader)) ready.push(reader);
      }
    }
  };
  const seen = new Set<Node>();
  for (const node of nodes) {
    seen.add(node);
    place(node);
  }
  const stuck = nodes.find((node) => node.index < 0);
  if (stuck)
    throw new InputError(
      `${file.source.name}: node ${called(stuck)} (${stuck.op}) is part of a cycle, which ONNX forbids; the model is damaged.`,
    );
  return order;
}

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
