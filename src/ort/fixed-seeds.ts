import { RANDOM } from "../graph/constants.ts";
import type { Node } from "../graph/graph.ts";
import { patchedFile } from "../graph/patch.ts";
import { allGraphs } from "../onnx/all-tensors.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { float } from "../onnx/new-node.ts";

const isOnnx = ({ domain }: NodeMessage) => domain === "" || domain === "ai.onnx";

const draws = (node: NodeMessage) => isOnnx(node) && (RANDOM.has(node.opType) || drops(node));

/** Whether a node drops values if its third input tells it to train. */
const drops = ({ opType, inputs }: NodeMessage) => opType === "Dropout" && Boolean(inputs[TRAINS]);

/** The input of a Dropout that tells it to train. */
const TRAINS = 2;

function* drawing(file: ModelFile): Generator<NodeMessage> {
  for (const { nodes } of [...allGraphs(file), ...file.message.functions])
    yield* nodes.filter(draws);
}

/** Whether a model draws at random, by a seed of its own or not. */
export const isRandom = (file: ModelFile) => !drawing(file).next().done;

/**
 * A model that draws the same numbers at random in every session: each node that draws has a seed,
 * one and the same, so that another writing of the model draws alike. A Dropout that may train
 * drops nothing: what it drops would hide every difference. Itself if there is nothing to change.
 */
export function sown(file: ModelFile): ModelFile {
  const nodes = [...drawing(file)];
  const attributes = nodes
    .filter((node) => !drops(node) && !node.attributes.some(({ name }) => name === "seed"))
    .map((message) => ({ node: { message }, name: "seed", value: float(1) }));
  const redirects = nodes
    .filter(drops)
    .map((message) => ({ use: { node: { message } as Node, index: TRAINS }, name: "" }));
  return patchedFile(file, { attributes, redirects });
}
