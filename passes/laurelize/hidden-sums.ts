import { InputError } from "../../src/errors.ts";
import { titleOf } from "../../src/graph/called.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { isComputed } from "../lower/composite.ts";

const QUANTIZED = "com.microsoft.QLinearAdd";

/** Operators that add one of their inputs to a product, and the position of that input. */
const ADDED: Readonly<Record<string, number>> = {
  Gemm: 2,
  "com.microsoft.FusedConv": 3,
  "com.microsoft.FusedGemm": 2,
  "com.microsoft.NhwcFusedConv": 3,
};

/** Whether a node holds a sum whose summands are not all its inputs, so that it must be lowered. */
export const hidesSum = (node: Node) =>
  node.op === QUANTIZED || (Object.hasOwn(ADDED, node.op) && isComputed(node, ADDED[node.op]));

/**
 * Returns nodes of the main graph and of bodies that hold a sum without slots for it. Throws an
 * InputError if a quantized one lacks an operand or a scale.
 */
export function hiddenSums(graph: Graph): Node[] {
  const found = [...scopesOf(graph)].flatMap(({ nodes }) => nodes.filter(hidesSum));
  for (const node of found)
    for (const index of node.op === QUANTIZED ? [0, 1, 3, 4, 6] : [])
      if (!node.inputs[index])
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} lacks ${[0, 3].includes(index) ? "an operand" : "a scale"} (input ${index}); the model is damaged.`,
        );
  return found;
}
