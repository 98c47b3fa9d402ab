import type { Node, Value } from "../../src/graph/graph.ts";

/** What dynamic quantization makes of a product: floats rounded, multiplied, cast and scaled. */
export interface IntegerProduct {
  /** The floats that are rounded. */
  readonly input: Value;
  /** The scaled product, and all nodes behind the integer product up to it. */
  readonly output: Value;
  readonly nodes: readonly Node[];
}

/** Returns a dynamically quantized product; null if the node is not part of one. */
export function integerProduct(node: Node): IntegerProduct | null {
  const rounding = node.inputs[0]?.producer;
  const input = rounding?.op === "DynamicQuantizeLinear" ? rounding.inputs[0] : null;
  const cast = onlyReader(node, "Cast");
  const scaled = cast && onlyReader(cast, "Mul");
  const output = scaled?.outputs[0];
  return input && cast && scaled && output ? { input, output, nodes: [node, cast, scaled] } : null;
}

function onlyReader({ outputs: [output] }: Node, op: string): Node | null {
  const [use, ...others] = output?.uses ?? [];
  return use && others.length === 0 && !output!.isOutput && use.node.op === op ? use.node : null;
}
