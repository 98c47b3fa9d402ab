import onnxProto from "onnx-proto";
import { dataTypeNamed, elements } from "../onnx/data-types.ts";
import { FIELD } from "../onnx/messages.ts";
import { type Folder, type ModelFile, openFile } from "../onnx/model-file.ts";
import { bytesSource, InputError } from "../onnx/source.ts";
import { type Edit, patchedSource, splices } from "../onnx/splices.ts";
import { type Undo, undoOf } from "../onnx/undo.ts";
import { BYTES, bytesField, concat } from "../onnx/wire.ts";
import type { Graph, Node, Use } from "./graph.ts";
import type { DenseTensor } from "./tensor.ts";

const { onnx } = onnxProto;

/** A node to be inserted. */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, number | readonly number[]>>;
}

/** What a pass wants changed in the main graph. Nothing existing is removed or renamed. */
export interface Patch {
  readonly nodes: readonly { readonly before: Node; readonly node: NewNode }[];
  readonly tensors: readonly DenseTensor[];
  /** Input slots that are to read another value, of the same type. */
  readonly redirects: readonly { readonly use: Use; readonly name: string }[];
}

/** An entry of metadata_props, made once it is known how the patch is undone. */
export type Provenance = (undo: Undo) => Promise<{ readonly key: string; readonly value: string }>;

/** protobuf's limit on one message. */
const MAX_BYTES = 2 ** 31 - 1;

/** Elements up to which a new tensor stays in the model when others go into a file of their own. */
const KEPT_INSIDE = 16;

/**
 * Applies a patch: the model as it will be, read through the original, of which nothing is
 * copied. New tensors go into the model, or the larger ones into a data file at `location`; the
 * entry of metadata_props comes last in the file.
 * Throws an InputError where the result would pass protobuf's 2 GiB.
 */
export async function applyPatch(
  graph: Graph,
  patch: Patch,
  provenance: Provenance,
  location: string | null = null,
): Promise<ModelFile> {
  const { file } = graph;
  const outside: Uint8Array[] = [];
  let offset = 0;
  const encode = (tensor: DenseTensor): Uint8Array => {
    if (location === null || elements(tensor.dims) <= KEPT_INSIDE) return encodeTensor(tensor);
    const bytes = encodeExternal(tensor, location, offset);
    outside.push(tensor.data);
    offset += tensor.data.length;
    return bytes;
  };
  const { frame } = file.graph;
  const insert = (at: number, bytes: Uint8Array, into = frame): Edit => ({
    start: at,
    end: at,
    bytes,
    frame: into,
  });
  // IR versions below 4 demand that an initializer be a graph input too; a Constant node keeps the signature.
  const asNodes = file.message.irVersion < 4;
  const first = file.graph.nodes[0]?.frame;
  const tensors = patch.tensors.map((tensor) =>
    asNodes
      ? insert(
          first?.at ?? frame.end,
          bytesField(FIELD.graphNode, constantNode(tensor)),
          first?.parent ?? frame,
        )
      : insert(frame.end, bytesField(FIELD.graphInitializer, encode(tensor))),
  );
  const edits = [
    ...tensors,
    ...patch.nodes.map(({ before, node }) => {
      const { at, parent } = before.message.frame;
      return insert(at, bytesField(FIELD.graphNode, encodeNode(node)), parent!);
    }),
    ...patch.redirects.map(({ use, name }) => redirect(file, use, name)),
  ];
  const list = splices(edits);
  const { size } = file.source;
  checkSize(
    file,
    list.reduce((sum, { start, end, bytes }) => sum + bytes.length - (end - start), size),
  );
  const entry = onnx.StringStringEntryProto.encode(
    await provenance(undoOf(file.source, list)),
  ).finish();
  const bytes = bytesField(FIELD.modelMetadata, entry);
  const source = patchedSource(file.source, [...list, { start: size, end: size, bytes }]);
  checkSize(file, source.size);
  return openFile(
    source,
    outside.length > 0 ? folderWith(file.folder, location!, concat(outside)) : file.folder,
  );
}

function checkSize({ source }: ModelFile, size: number): void {
  if (size > MAX_BYTES)
    throw new InputError(
      `${source.name} would grow to ${size} bytes, and protobuf ends at 2 GiB; pass --external-data to keep the new weights in a file of their own, or convert the model to external data first.`,
    );
}

function redirect({ reader }: ModelFile, { node, index }: Use, name: string): Edit {
  const { frame } = node.message;
  let place = 0;
  for (const field of reader.fields(frame)) {
    if (field.number !== FIELD.nodeInput || field.wire !== BYTES || place++ < index) continue;
    const bytes = bytesField(FIELD.nodeInput, new TextEncoder().encode(name));
    return { start: field.start, end: field.end, bytes, frame };
  }
  throw new Error(`${node.message.name} has no input ${index}`);
}

function encodeNode({ name, op, inputs, output, attributes }: NewNode): Uint8Array {
  const { AttributeType } = onnx.AttributeProto;
  const attribute = Object.entries(attributes).map(([name, value]) =>
    typeof value === "number"
      ? { name, type: AttributeType.INT, i: value }
      : { name, type: AttributeType.INTS, ints: [...value] },
  );
  const node = { name, opType: op, input: [...inputs], output: [output], attribute };
  return onnx.NodeProto.encode(node).finish();
}

const tensorProto = ({ name, dtype, dims, data }: DenseTensor) => ({
  name,
  dims: [...dims],
  dataType: dataTypeNamed(dtype)!.number,
  rawData: data,
});

/** A TensorProto with raw data. */
export const encodeTensor = (tensor: DenseTensor) =>
  onnx.TensorProto.encode(tensorProto(tensor)).finish();

function encodeExternal(tensor: DenseTensor, location: string, offset: number): Uint8Array {
  const { rawData, ...rest } = tensorProto(tensor);
  const entries = { location, offset, length: rawData.length };
  const externalData = Object.entries(entries).map(([key, value]) => ({
    key,
    value: String(value),
  }));
  const dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
  return onnx.TensorProto.encode({ ...rest, externalData, dataLocation }).finish();
}

/** The folder as it will be once the new data file is there. */
const folderWith = (folder: Folder | null, location: string, bytes: Uint8Array): Folder => ({
  path: folder?.path ?? null,
  companion: { location, bytes },
  open(asked) {
    if (asked === location) return bytesSource(bytes, location);
    if (folder) return folder.open(asked);
    throw new InputError(`the model keeps weights in ${asked}; open it by its path.`);
  },
});

function constantNode(tensor: DenseTensor): Uint8Array {
  const { TENSOR } = onnx.AttributeProto.AttributeType;
  const value = { name: "value", type: TENSOR, t: tensorProto(tensor) };
  const node = { name: tensor.name, opType: "Constant", output: [tensor.name], attribute: [value] };
  return onnx.NodeProto.encode(node).finish();
}

export type { Undo };
