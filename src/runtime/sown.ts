import { RANDOM } from "../graph/constants.ts";
import { float } from "../graph/encode.ts";
import { patchedFile } from "../graph/patch.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";

const draws = ({ opType, domain, inputs }: NodeMessage) =>
  (domain === "" || domain === "ai.onnx") &&
  // Dropout drops where it is told to train.
  (RANDOM.has(opType) || (opType === "Dropout" && Boolean(inputs[2])));

function* drawing({ graph, message }: ModelFile): Generator<NodeMessage> {
  const pending = [graph.nodes, ...message.functions.map(({ nodes }) => nodes)];
  for (let nodes = pending.pop(); nodes; nodes = pending.pop())
    for (const node of nodes) {
      if (draws(node)) yield node;
      for (const { g, graphs } of node.attributes)
        pending.push(...(g ? [g, ...graphs] : graphs).map((body) => body.nodes));
    }
}

/** Whether a model draws at random, by a seed of its own or not. */
export const isRandom = (file: ModelFile) => !drawing(file).next().done;

/**
 * A model that draws the same numbers at random in every session: each node that draws has a seed,
 * one and the same, so that another writing of the model draws alike. Itself where all have one.
 */
export function sown(file: ModelFile): ModelFile {
  const attributes = [...drawing(file)]
    .filter((node) => !node.attributes.some(({ name }) => name === "seed"))
    .map((message) => ({
      node: { message },
      name: "seed",
      value: message.opType === "Dropout" ? 1 : float(1),
    }));
  return patchedFile(file, { attributes });
}
