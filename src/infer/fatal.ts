import { InputError } from "../errors.ts";
import { titleOf } from "../graph/called.ts";
import { numbersOf } from "../graph/constants.ts";
import type { Graph, Scope } from "../graph/graph.ts";

/**
 * Throws an InputError for a node at which onnxruntime would end the process: SplitToSequence
 * divides by its split, even 0, before any check (seen up to 1.30).
 */
export function refuseFatal(graph: Graph): void {
  const check = ({ nodes }: Scope): void => {
    for (const node of nodes) {
      node.bodies.forEach(check);
      if (node.op === "SplitToSequence" && numbersOf(graph, node.inputs[1])?.includes(0))
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} splits into pieces of size 0, which makes onnxruntime end the process; the model is damaged.`,
        );
    }
  };
  check(graph.main);
  graph.functions.forEach(check);
}
