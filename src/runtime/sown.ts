import onnxProto from "onnx-proto";
import { RANDOM } from "../graph/constants.ts";
import type { Edit } from "../onnx/edits.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import { type ModelFile, openFile } from "../onnx/model-file.ts";
import { patchedSource, splices } from "../onnx/splices.ts";

const { onnx } = onnxProto;
const { FLOAT, INT } = onnx.AttributeProto.AttributeType;

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
  const edits: Edit[] = [];
  for (const node of drawing(file)) {
    if (node.attributes.some(({ name }) => name === "seed")) continue;
    const seed = node.opType === "Dropout" ? { type: INT, i: 1 } : { type: FLOAT, f: 1 };
    const attribute = [{ name: "seed", ...seed }];
    const bytes = onnx.NodeProto.encode(onnx.NodeProto.fromObject({ attribute })).finish();
    edits.push({ start: node.frame.end, end: node.frame.end, bytes, frame: node.frame });
  }
  if (edits.length === 0) return file;
  return openFile(patchedSource(file.source, splices(edits)), file.folder);
}
