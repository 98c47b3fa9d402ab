import onnxProto from "onnx-proto";
import { valueInfo } from "../graph/encode.ts";
import type { Node } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import type { Edit } from "../onnx/edits.ts";
import { FIELD, type NodeMessage } from "../onnx/messages.ts";
import { type ModelFile, openFile } from "../onnx/model-file.ts";
import { bytesSource, type Range } from "../onnx/source.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";

const { onnx } = onnxProto;

/** Operators that onnxruntime's CPU has no kernel for: those whose outputs are all like their first input. */
const KEEPING = new Set(
  ["GroupNorm", "SkipGroupNorm", "BiasAdd"].map((op) => `com.microsoft.${op}`),
);

/** Others, and the plain operators that give their outputs the same types. */
const ALIKE: Readonly<Record<string, (file: ModelFile, node: NodeMessage) => Uint8Array[]>> = {
  "com.microsoft.BiasSplitGelu": halved,
  "com.microsoft.NhwcConv": (file, node) => convolved(file, node, true),
  "com.microsoft.NhwcFusedConv": (file, node) => convolved(file, node, false),
};

/** Whether a node is of such an operator. */
export const isKernelLess = ({ op }: Pick<Node, "op">) =>
  KEEPING.has(op) || Object.hasOwn(ALIKE, op);

/** The model with plain operators in the place of such ones: the types that are inferred are the same. */
export function withKeptShapes(model: Uint8Array): Uint8Array {
  const file = openFile(bytesSource(model), null);
  const edits = file.graph.nodes.flatMap((node) => {
    const op = `${node.domain}.${node.opType}`;
    if (!isKernelLess({ op })) return [];
    const alike = own(ALIKE, op);
    const by =
      alike?.(file, node) ??
      node.outputs
        .filter((output) => output !== "")
        .map((output) => nodeField("Identity", [node.inputs[0]], output));
    return [replaced(node, by)];
  });
  return edited(file, edits);
}

const INT = onnx.AttributeProto.AttributeType.INT;
const INTS = onnx.AttributeProto.AttributeType.INTS;
/** The opset from which a split is told the number of its pieces. */
const PIECES = 18;

/** The first half along the last axis. */
function halved({ opsets }: ModelFile, { inputs: [x], outputs: [y] }: NodeMessage): Uint8Array[] {
  const pieces = { name: "num_outputs", type: INT, i: 2 };
  const told = (opsets.get("") ?? 0) >= PIECES ? [pieces] : [];
  const attribute = [{ name: "axis", type: INT, i: -1 }, ...told];
  const node = { opType: "Split", input: [x], output: [y, `${y}:rest`], attribute };
  return [bytesField(FIELD.graphNode, onnx.NodeProto.encode(node).finish())];
}

/** A convolution between transpositions of its image, and of its weights where these lie alike. */
function convolved(
  { reader }: ModelFile,
  { inputs: [x, w, ...rest], outputs: [y], frame }: NodeMessage,
  weights: boolean,
): Uint8Array[] {
  const transposed = (from: string, to: string, perm: number[]) => {
    const attribute = [{ name: "perm", type: INTS, ints: perm }];
    const node = { opType: "Transpose", input: [from], output: [to], attribute };
    return bytesField(FIELD.graphNode, onnx.NodeProto.encode(node).finish());
  };
  const first = [0, 3, 1, 2];
  const input = [`${y}:x`, weights ? `${y}:w` : w, ...rest.slice(0, 1)];
  const conv = onnx.NodeProto.encode({ opType: "Conv", input, output: [`${y}:y`] }).finish();
  const attributes = [...reader.fields(frame)].filter(
    ({ number, body, end }) =>
      number === FIELD.nodeAttribute && !/activation/.test(nameIn(reader, { start: body, end })),
  );
  return [
    transposed(x, `${y}:x`, first),
    ...(weights ? [transposed(w, `${y}:w`, first)] : []),
    bytesField(FIELD.graphNode, conv, ...attributes.map((field) => reader.bytes(field).slice())),
    transposed(`${y}:y`, y, [0, 2, 3, 1]),
  ];
}

/** The name of an attribute. */
function nameIn(reader: ModelFile["reader"], attribute: Range): string {
  for (const field of reader.fields(attribute)) if (field.number === 1) return reader.text(field);
  return "";
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
