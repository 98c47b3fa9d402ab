import onnxProto from "onnx-proto";
import { valueInfo } from "../graph/encode.ts";
import type { Node } from "../graph/graph.ts";
import { FIELD, type NodeMessage } from "../onnx/messages.ts";
import { type ModelFile, openFile } from "../onnx/model-file.ts";
import { bytesSource } from "../onnx/source.ts";
import { type Edit, patchedSource, splices } from "../onnx/splices.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";

const { onnx } = onnxProto;

/** Operators that onnxruntime's CPU has no kernel for, and whose outputs are all like their first input. */
const KEEPING = new Set(
  ["GroupNorm", "SkipGroupNorm", "BiasAdd"].map((op) => `com.microsoft.${op}`),
);

/** Whether a node is of such an operator. */
export const isKernelLess = ({ op }: Pick<Node, "op">) => KEEPING.has(op);

/** The model with identities in the place of such operators: the types that are inferred are the same. */
export function withKeptShapes(model: Uint8Array): Uint8Array {
  const file = openFile(bytesSource(model), null);
  const kept = file.graph.nodes.filter(({ domain, opType }) =>
    isKernelLess({ op: `${domain}.${opType}` }),
  );
  const edits = kept.map((node) =>
    replaced(
      node,
      node.outputs
        .filter((output) => output !== "")
        .map((output) => nodeField("Identity", [node.inputs[0]], output)),
    ),
  );
  return edited(file, edits);
}

/**
 * The model with the plain sum of some of a node's inputs in the place of that node, which makes
 * the value `made`; the sum is its output, the node's own are none.
 */
export function withPlainSum(
  model: Uint8Array,
  made: string,
  places: readonly number[],
): { model: Uint8Array; name: string } {
  const file = openFile(bytesSource(model), null);
  const { nodes, outputs, frame } = file.graph;
  const node = nodes.find((each) => each.outputs.includes(made))!;
  const name = `${made}:plain`;
  const [first, ...rest] = places.map((place) => node.inputs[place]);
  const partial = (k: number) => (k === rest.length ? name : `${name}:${k}`);
  const adds = rest.map((term, k) =>
    nodeField("Add", [k === 0 ? first : partial(k), term], partial(k + 1)),
  );
  const gone = outputs.filter((output) => node.outputs.includes(output.name));
  const edits: Edit[] = [
    replaced(node, adds),
    ...gone.map((output) => replaced(output, [])),
    {
      start: frame.end,
      end: frame.end,
      bytes: bytesField(FIELD.graphOutput, valueInfo(name)),
      frame,
    },
  ];
  return { model: edited(file, edits), name };
}

const nodeField = (opType: string, input: string[], output: string) =>
  bytesField(FIELD.graphNode, onnx.NodeProto.encode({ opType, input, output: [output] }).finish());

function replaced({ frame }: Pick<NodeMessage, "frame">, by: readonly Uint8Array[]): Edit {
  const { at, end, parent } = frame;
  return { start: at, end, bytes: concat(by), frame: parent! };
}

function edited({ source }: ModelFile, edits: readonly Edit[]): Uint8Array {
  const patched = patchedSource(source, splices(edits));
  return patched.read(0, patched.size);
}
