import { elements } from "../onnx/data-types.ts";
import type { Frame } from "../onnx/decode.ts";
import { FIELD } from "../onnx/messages.ts";
import type { Folder, ModelFile } from "../onnx/model-file.ts";
import { InputError, type Source } from "../onnx/source.ts";
import { type Edit, lengthOf, patchedSource, type Splice, splices } from "../onnx/splices.ts";
import { type Undo, undoOf } from "../onnx/undo.ts";
import { BYTES } from "../onnx/wire.ts";
import { bytesField, concat, fieldHead } from "../onnx/wire-bytes.ts";
import { WireWriter } from "../onnx/wire-writer.ts";
import {
  constantNode,
  type NewNode,
  opsetImport,
  valueInfo,
  writeNode,
  writeTensor,
} from "./encode.ts";
import type { Graph, Node, Scope, Use, Value } from "./graph.ts";
import { folderAfter, type Placing, placingEdits } from "./placing.ts";
import type { DenseTensor } from "./tensor.ts";
import type { Type } from "./types.ts";

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
  /** NodeProtos that are written already, and the node that each is put just before. */
  readonly written?: readonly { readonly before: Node; readonly bytes: Uint8Array }[];
  /** Nodes that new ones take the place of, and initializers that become inputs. */
  readonly removed?: readonly (Node | Value)[];
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  /** Inputs of the main graph whose type is stated anew. */
  readonly retyped?: readonly Port[];
  /** Outputs of the main graph that are no longer told. */
  readonly untold?: readonly string[];
  /** Operator sets that the model does not import yet, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** An entry of metadata_props, made once it is known how the patch is undone. */
export type Provenance = (undo: Undo) => Promise<Entry>;

/** A model as it will be, read through the one it was. */
export interface Patched {
  readonly source: Source;
  readonly folder: Folder | null;
  /** How the whole result becomes the model it was. */
  readonly undo: () => Undo;
}

const utf8 = new TextEncoder();

/** protobuf's limit on one message. */
const MAX_BYTES = 2 ** 31 - 1;

/** Elements up to which a new tensor stays in the model when others go into a file of their own. */
const KEPT_INSIDE = 16;

/**
 * Applies a patch: the model as it will be, read through the original, of which nothing is
 * copied. New and old weights are kept where `placing` says; the entry of metadata_props comes
 * last in the file.
 * Throws an InputError where the result would pass protobuf's 2 GiB.
 */
export async function applyPatch(
  graph: Graph,
  patch: Patch,
  provenance: Provenance | null = null,
  placing: Placing = {},
): Promise<Patched> {
  const { file } = graph;
  const { source } = file;
  const location = placing.newData ?? null;
  const outside = location === null ? [] : patch.tensors.filter(isLarge);
  const list = splices([
    ...placingEdits(file, placing),
    ...insertions(graph, patch, location),
    ...(patch.written ?? []).map(insert),
    ...patch.redirects.map(({ use, name }) => redirect(file, use, name)),
    ...(patch.removed ?? []).map(remove),
    ...(patch.retyped ?? []).map((port) => retype(file, port)),
    ...(patch.untold ?? []).map((name) => untell(file, name)),
    ...(patch.inputs ?? []).map((port) => append(file, FIELD.graphInput, port)),
    ...(patch.outputs ?? []).map((port) => append(file, FIELD.graphOutput, port)),
  ]);
  checkSize(source, grown(source.size, list));
  const imports = Object.entries(patch.opsets ?? {})
    .filter(([domain]) => !file.opsets.has(domain))
    .map(([domain, version]) => opsetImport(domain, version));
  const entry = await provenance?.(undoOf(source, list, placing.link ?? false));
  const tail = [...imports, ...(entry ? metadataEntry(entry) : [])];
  const all = [...list, ...tail.map((bytes) => ({ start: source.size, end: source.size, bytes }))];
  const result = patchedSource(source, all);
  checkSize(source, result.size);
  const fresh = outside.length > 0 ? concat(outside.map(({ data }) => data)) : null;
  const undo = () => undoOf(source, all, placing.link ?? false);
  return { source: result, folder: folderAfter(file.folder, placing, fresh), undo };
}

/** An entry of metadata_props, in parts: the value may be long and is not copied. */
function metadataEntry({ key, value }: Entry): Uint8Array[] {
  const [named, text] = [bytesField(FIELD.entryKey, utf8.encode(key)), utf8.encode(value)];
  const head = fieldHead(FIELD.entryValue, text.length);
  const length = named.length + head.length + text.length;
  return [concat([fieldHead(FIELD.modelMetadata, length), named, head]), text];
}

const grown = (size: number, list: readonly Splice[]) =>
  list.reduce((sum, { start, end, bytes }) => sum + lengthOf(bytes) - (end - start), size);

/** Throws an InputError where a result would pass protobuf's 2 GiB. */
export function checkSize({ name }: Source, size: number): void {
  if (size > MAX_BYTES)
    throw new InputError(
      `${name} would grow to ${size} bytes, and protobuf ends at 2 GiB; pass --external-data to keep the new weights in a file of their own, or convert the model to external data first.`,
    );
}

const append = ({ graph: { frame } }: ModelFile, field: number, { name, type }: Port): Edit => ({
  start: frame.end,
  end: frame.end,
  bytes: bytesField(field, valueInfo(name, type)),
  frame,
});

/** Bytes of new tensors that make an insertion of their own, so that no buffer grows with all of them. */
const AT_ONCE = 1 << 15;

/** The field that holds the nodes of a scope: a function has another than a graph. */
const nodeField = (scope: Scope | undefined) =>
  scope?.kind === "function" ? FIELD.functionNode : FIELD.graphNode;

const isLarge = ({ dims }: DenseTensor) => elements(dims) > KEPT_INSIDE;

/**
 * New nodes, those before one node together, and new tensors: initializers, or Constant nodes
 * before all others below IR version 4, which demands that an initializer be a graph input too.
 */
function insertions({ file, main }: Graph, patch: Patch, location: string | null): Edit[] {
  const to = new WireWriter();
  const end = file.graph.frame;
  const asNodes = file.message.irVersion < 4;
  const edits: Edit[] = [];
  const put = (at: number, frame: Frame) =>
    edits.push({ start: at, end: at, bytes: to.take(), frame });
  let offset = 0;
  for (const tensor of asNodes ? [] : patch.tensors) {
    const { length } = tensor.data;
    const out = location !== null && isLarge(tensor) ? { location, offset, length } : null;
    writeTensor(to, FIELD.graphInitializer, tensor, out);
    if (out) offset += length;
    if (to.length >= AT_ONCE) put(end.end, end);
  }
  put(end.end, end);
  const first = main.nodes.find(({ message }) => message === file.graph.nodes[0]) ?? null;
  const constants = asNodes ? patch.tensors.map(constantNode) : [];
  const groups = new Map<Node | null, NewNode[]>([[first, constants]]);
  for (const { before, node } of patch.nodes) {
    const group = groups.get(before);
    if (group) group.push(node);
    else groups.set(before, [node]);
  }
  for (const [before, nodes] of groups) {
    for (const node of nodes) writeNode(to, nodeField(before?.scope), node);
    put(before?.message.frame.at ?? end.end, before?.message.frame.parent ?? end);
  }
  return edits;
}

function insert({ before, bytes }: { before: Node; bytes: Uint8Array }): Edit {
  const { at, parent } = before.message.frame;
  const field = bytesField(nodeField(before.scope), bytes);
  return { start: at, end: at, bytes: field, frame: parent! };
}

function redirect({ reader }: ModelFile, { node, index }: Use, name: string): Edit {
  const { frame } = node.message;
  let place = 0;
  for (const field of reader.fields(frame)) {
    if (field.number !== FIELD.nodeInput || field.wire !== BYTES || place++ < index) continue;
    const bytes = bytesField(FIELD.nodeInput, utf8.encode(name));
    return { start: field.start, end: field.end, bytes, frame };
  }
  throw new Error(`${node.message.name} has no input ${index}`);
}

function remove(what: Node | Value): Edit {
  const message = "message" in what ? what.message : (what.initializer ?? what.producer!.message);
  const { at, end, parent } = message.frame;
  return { start: at, end, bytes: new Uint8Array(), frame: parent! };
}

function retype({ graph }: ModelFile, { name, type }: Port): Edit {
  const { at, end, parent } = graph.inputs.find((input) => input.name === name)!.frame;
  const bytes = bytesField(FIELD.graphInput, valueInfo(name, type));
  return { start: at, end, bytes, frame: parent! };
}

function untell({ graph }: ModelFile, name: string): Edit {
  const { at, end, parent } = graph.outputs.find((output) => output.name === name)!.frame;
  return { start: at, end, bytes: new Uint8Array(), frame: parent! };
}

export type { NewNode, Undo };
