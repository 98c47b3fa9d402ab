import { valueInfo } from "../graph/encode.ts";
import type { Edit } from "../onnx/edits.ts";
import { FIELD, type NodeMessage } from "../onnx/messages.ts";
import { openFile } from "../onnx/model-file.ts";
import { bytesSource } from "../onnx/source.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";

/**
 * The model with one of a node's outputs, there or not, among its own: the output at `place` of the
 * node that makes the value `made`, and the name it has.
 */
export function withNodeOutput(
  model: Uint8Array,
  made: string,
  place: number,
): { model: Uint8Array; name: string } {
  const file = openFile(bytesSource(model), null);
  const node = file.graph.nodes.find(({ outputs }) => outputs.includes(made))!;
  const there = node.outputs[place];
  if (there) return { model, name: there };
  const name = `${made}:sum`;
  const outputs = Array.from({ length: Math.max(place + 1, node.outputs.length) }, (_, k) =>
    k === place ? name : (node.outputs[k] ?? ""),
  );
  const { frame } = file.graph;
  const { source } = file;
  const own = bytesField(FIELD.graphOutput, valueInfo(name));
  const edits: Edit[] = [
    ...[...file.reader.fields(node.frame)]
      .filter(({ number }) => number === FIELD.nodeOutput)
      .map(({ start, end }) => ({ start, end, bytes: new Uint8Array(), frame: node.frame })),
    { start: node.frame.end, end: node.frame.end, bytes: named(outputs), frame: node.frame },
    { start: frame.end, end: frame.end, bytes: own, frame },
  ];
  const patched = patchedSource(source, splices(edits));
  return { model: patched.read(0, patched.size), name };
}

function named(outputs: NodeMessage["outputs"]): Uint8Array {
  const fields = outputs.map((name) =>
    bytesField(FIELD.nodeOutput, new TextEncoder().encode(name)),
  );
  return concat(fields);
}
