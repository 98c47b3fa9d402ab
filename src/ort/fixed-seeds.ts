import { RANDOM } from "../graph/constants.ts";
import type { Node } from "../graph/graph.ts";
import { patchedFile } from "../graph/patch.ts";
import { allGraphs } from "../onnx/all-tensors.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { float } from "../onnx/new-node.ts";

const draws = (node: NodeMessage) => node.domain === "" && (RANDOM.has(node.opType) || drops(node));

/** Whether a node drops values if its third input enables training. */
const drops = ({ opType, inputs }: NodeMessage) => opType === "Dropout" && Boolean(inputs[TRAINS]);

/** The input of a Dropout that enables training. */
const TRAINS = 2;

function* drawing(file: ModelFile): Generator<NodeMessage> {
  for (const { nodes } of [...allGraphs(file), ...file.message.functions])
    yield* nodes.filter(draws);
}

/** Whether a model draws at random, with a fixed seed or not. */
export const isRandom = (file: ModelFile) => !drawing(file).next().done;

/**
 * Returns a model that draws the same random numbers in every session. All nodes that draw have the
 * same seed, so that a rewritten model draws the same numbers. A Dropout in training mode drops
 * nothing, because it would hide every difference. Returns the same model if nothing changes.
 */
export function withFixedSeeds(file: ModelFile): ModelFile {
  const nodes = [...drawing(file)];
  const attributes = nodes
    .filter((node) => !drops(node) && !node.attributes.some(({ name }) => name === "seed"))
    .map((message) => ({ node: { message }, name: "seed", value: float(1) }));
  const redirects = nodes
    .filter(drops)
    .map((message) => ({ use: { node: { message } as Node, index: TRAINS }, name: "" }));
  return patchedFile(file, { attributes, redirects });
}
