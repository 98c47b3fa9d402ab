import type { Graph, Scope } from "../graph/graph.ts";
import { scopesOf } from "../graph/scopes.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import { type Finding, finding, placeOf } from "./finding.ts";
import { bodiesOf, type Counterpart, sameFunctions } from "./matching.ts";

/**
 * Returns scopes whose nodes are in topological order, which ONNX requires, in the first model
 * only.
 */
export function orderDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const counterpart = new Map<Scope, Scope>([
    [b.main, a.main],
    ...[...bodiesOf(pairs), ...sameFunctions(a, b)].map(([x, y]) => [y, x] as const),
  ]);
  return [...scopesOf(b)].flatMap((scope): Finding[] => {
    const early = tooEarly(scope);
    const before = counterpart.get(scope);
    if (!early || (before && tooEarly(before))) return [];
    const { node, reads } = early;
    const where = `node ${node.name || node.outputs[0]} (${node.opType})${placeOf(scope)}`;
    const what = `comes before the node that makes ${reads} in the second, which ONNX forbids`;
    return [finding("node", where, what)];
  });
}

/**
 * Returns the first node in the file that precedes one whose value it reads; null if there is none.
 */
function tooEarly({ message, nodes }: Scope): { node: NodeMessage; reads: string } | null {
  const linked = new Map(nodes.map((node) => [node.message, node]));
  const later = new Set(message.nodes.flatMap(({ outputs }) => outputs));
  later.delete("");
  for (const node of message.nodes) {
    const captured = [...(linked.get(node)?.captures ?? [])].map(({ name }) => name);
    const reads = [...node.inputs, ...captured].find((name) => later.has(name));
    if (reads !== undefined) return { node, reads };
    for (const output of node.outputs) later.delete(output);
  }
  return null;
}
