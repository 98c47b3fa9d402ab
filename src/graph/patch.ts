import onnxProto from "onnx-proto";
import { elements } from "../onnx/data-types.ts";
import { FIELD } from "../onnx/messages.ts";
import type { Folder, ModelFile } from "../onnx/model-file.ts";
import { bytesSource, InputError, type Source } from "../onnx/source.ts";
import { type Edit, patchedSource, type Splice, splices } from "../onnx/splices.ts";
import { type Undo, undoOf } from "../onnx/undo.ts";
import { BYTES } from "../onnx/wire.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";
import {
  constantNode,
  encodeExternal,
  encodeNode,
  encodeTensor,
  type NewNode,
  opsetImport,
  valueInfo,
} from "./encode.ts";
import type { Graph, Node, Scope, Use, Value } from "./graph.ts";
import type { DenseTensor } from "./tensor.ts";
import type { Type } from "./types.ts";

const { onnx } = onnxProto;

/** A node, and the one it is put just before, in that one's scope; null for the main graph's end. */
export interface Insertion {
  readonly before: Node | null;
  readonly node: NewNode;
}

/** A value that becomes an input or output of the main graph. */
export interface Port {
  readonly name: string;
  /** Null where it is left to inference. */
  readonly type: Type | null;
}

/** What a pass wants changed. Nothing that is not named here is touched. */
export interface Patch {
  readonly nodes: readonly Insertion[];
  /** New initializers of the main graph. */
  readonly tensors: readonly DenseTensor[];
  /** Input slots that are to read another value, of the same type. */
  readonly redirects: readonly { readonly use: Use; readonly name: string }[];
  /** Nodes that new ones take the place of, and initializers that become inputs. */
  readonly removed?: readonly (Node | Value)[];
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  /** Operator sets that the model does not import yet, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
}

/** An entry of metadata_props, made once it is known how the patch is undone. */
export type Provenance = (undo: Undo) => Promise<{ readonly key: string; readonly value: string }>;

/** A model as it will be, read through the one it was. */
export interface Patched {
  readonly source: Source;
  readonly folder: Folder | null;
}

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
  provenance: Provenance | null = null,
  location: string | null = null,
): Promise<Patched> {
  const { file } = graph;
  const { source } = file;
  const placed = place(graph, patch.tensors, location);
  const list = splices([
    ...placed.edits,
    ...patch.nodes.map((insertion) => insertNode(file, insertion)),
    ...patch.redirects.map(({ use, name }) => redirect(file, use, name)),
    ...(patch.removed ?? []).map(remove),
    ...(patch.inputs ?? []).map((port) => append(file, FIELD.graphInput, infoOf(port))),
    ...(patch.outputs ?? []).map((port) => append(file, FIELD.graphOutput, infoOf(port))),
  ]);
  checkSize(source, grown(source.size, list));
  const end = async (): Promise<Uint8Array> => {
    const imports = Object.entries(patch.opsets ?? {})
      .filter(([domain]) => !file.opsets.has(domain))
      .map(([domain, version]) => opsetImport(domain, version));
    if (!provenance) return concat(imports);
    const entry = onnx.StringStringEntryProto.encode(await provenance(undoOf(source, list)));
    return concat([...imports, bytesField(FIELD.modelMetadata, entry.finish())]);
  };
  const tail: Splice = { start: source.size, end: source.size, bytes: await end() };
  const result = patchedSource(source, [...list, tail]);
  checkSize(source, result.size);
  const { folder } = file;
  const outside = placed.outside.length > 0;
  return {
    source: result,
    folder: outside ? folderWith(folder, location!, concat(placed.outside)) : folder,
  };
}

const grown = (size: number, list: readonly Splice[]) =>
  list.reduce((sum, { start, end, bytes }) => sum + bytes.length - (end - start), size);

function checkSize({ name }: Source, size: number): void {
  if (size > MAX_BYTES)
    throw new InputError(
      `${name} would grow to ${size} bytes, and protobuf ends at 2 GiB; pass --external-data to keep the new weights in a file of their own, or convert the model to external data first.`,
    );
}

const append = ({ graph: { frame } }: ModelFile, field: number, bytes: Uint8Array): Edit => ({
  start: frame.end,
  end: frame.end,
  bytes: bytesField(field, bytes),
  frame,
});

const infoOf = ({ name, type }: Port) => valueInfo(name, type);

/** The field that holds the nodes of a scope: a function has another than a graph. */
const nodeField = ({ kind }: Scope) => (kind === "function" ? FIELD.functionNode : FIELD.graphNode);

function insertNode(file: ModelFile, { before, node }: Insertion): Edit {
  const bytes = encodeNode(node);
  if (!before) return append(file, FIELD.graphNode, bytes);
  const { at, parent } = before.message.frame;
  return { start: at, end: at, bytes: bytesField(nodeField(before.scope), bytes), frame: parent! };
}

/**
 * New tensors as initializers; as Constant nodes before all others below IR version 4, which
 * demands that an initializer be a graph input too.
 */
function place({ file, main }: Graph, tensors: readonly DenseTensor[], location: string | null) {
  const outside: Uint8Array[] = [];
  let offset = 0;
  const first = file.graph.nodes[0]?.frame;
  const edits = tensors.map((tensor): Edit => {
    if (file.message.irVersion < 4) {
      const bytes = constantNode(tensor);
      if (!first) return append(file, FIELD.graphNode, bytes);
      const field = bytesField(nodeField(main), bytes);
      return { start: first.at, end: first.at, bytes: field, frame: first.parent! };
    }
    if (location === null || elements(tensor.dims) <= KEPT_INSIDE)
      return append(file, FIELD.graphInitializer, encodeTensor(tensor));
    const bytes = encodeExternal(tensor, location, offset);
    outside.push(tensor.data);
    offset += tensor.data.length;
    return append(file, FIELD.graphInitializer, bytes);
  });
  return { edits, outside };
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

function remove(what: Node | Value): Edit {
  const message = "message" in what ? what.message : (what.initializer ?? what.producer!.message);
  const { at, end, parent } = message.frame;
  return { start: at, end, bytes: new Uint8Array(), frame: parent! };
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

export type { NewNode, Undo };
