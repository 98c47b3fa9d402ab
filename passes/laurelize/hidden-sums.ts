import { InputError } from "../../src/errors.ts";
import { type Graph, type Node, type Types, titleOf, type Value } from "../../src/graph/graph.ts";
import { operandsThat } from "../../src/graph/operators.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { isComputed } from "../lower/composite.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";

const QUANTIZED = "com.microsoft.QLinearAdd";

const ADDED = operandsThat("added");

/** Whether a node holds a sum whose summands are not all its inputs, so that it must be lowered. */
export const hidesSum = (node: Node) =>
  node.op === QUANTIZED || isComputed(node, ADDED.get(node.op)?.[0] ?? -1);

/** Returns the reason why no sum of a node is a site: it adds a constant of fewer elements. */
export function addsConstant(
  types: Types,
  fixed: ReadonlySet<Value>,
  { op, inputs, outputs }: Node,
): Reason | null {
  const added = inputs[ADDED.get(op)?.[0] ?? -1];
  if (!added || !fixed.has(added)) return null;
  const [own, sum] = [types.get(added)?.shape, outputs[0] && types.get(outputs[0])?.shape];
  return own && sum && own.length < sum.length ? reasons.bias(added) : null;
}

/** Returns nodes that hold a sum without slots for it. Refuses one that lacks an operand. */
export function hiddenSums(graph: Graph): Node[] {
  const hidden = [...scopesOf(graph)].flatMap(({ nodes }) => nodes.filter(hidesSum));
  for (const node of hidden)
    for (const index of node.op === QUANTIZED ? [0, 1, 3, 4, 6] : [])
      if (!node.inputs[index])
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} lacks ${[0, 3].includes(index) ? "an operand" : "a scale"} (input ${index}); the model is damaged.`,
        );
  return hidden;
}
