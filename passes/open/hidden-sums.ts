import type { Graph, Node } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { isComputed } from "./composite.ts";

/** Operators that add an input of theirs to a product: where it stands. */
const ADDED: Readonly<Record<string, number>> = {
  Gemm: 2,
  "com.microsoft.FusedConv": 3,
  "com.microsoft.FusedGemm": 2,
  "com.microsoft.NhwcFusedConv": 3,
};

/** Whether a node holds a sum whose summands are not all inputs of it, so that it has to be opened. */
export const hidesSum = (node: Node) =>
  node.op === "com.microsoft.QLinearAdd" ||
  (Object.hasOwn(ADDED, node.op) && isComputed(node, ADDED[node.op]));

/** Nodes of the main graph and of bodies that hold a sum which no slot of theirs leads to. */
export const hiddenSums = (graph: Graph): Node[] =>
  [...scopesOf(graph)].flatMap(({ nodes }) => nodes.filter(hidesSum));
