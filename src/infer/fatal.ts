import { InputError } from "../errors.ts";
import { titleOf } from "../graph/called.ts";
import { numbersOf } from "../graph/constants.ts";
import type { Graph } from "../graph/graph.ts";
import { allScopes } from "../graph/path.ts";

/**
 * Throws an InputError for a node at which onnxruntime would end the process: SplitToSequence
 * divides by its split, even 0, before any check (seen up to 1.30).
 */
export function refuseFatal(graph: Graph): void {
  for (const { nodes } of allScopes(graph))
    for (const node of nodes)
      if (node.op === "SplitToSequence" && numbersOf(graph, node.inputs[1])?.includes(0))
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} splits into pieces of size 0, which makes onnxruntime end the process; the model is damaged.`,
        );
}
