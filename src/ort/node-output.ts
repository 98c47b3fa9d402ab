import { patchedFile } from "../graph/patch.ts";
import type { Slot } from "../graph/patch-contents.ts";
import { openFile } from "../onnx/open-file.ts";
import { bytesSource } from "../onnx/source.ts";

/**
 * Makes an absent output of a node an output of the model: the one at `index` of the node that makes
 * `value`. Returns the model and the output's name.
 */
export function withNodeOutput(
  model: Uint8Array,
  value: string,
  index: number,
): { model: Uint8Array; name: string } {
  const file = openFile(bytesSource(model), null);
  const message = file.graph.nodes.find(({ outputs }) => outputs.includes(value))!;
  const name = `${value}:sum`;
  const slot: Slot = { node: { message }, index, name, fills: true };
  const { source } = patchedFile(file, { nodeOutputs: [slot], outputs: [{ name, type: null }] });
  return { model: source.read(0, source.size), name };
}
