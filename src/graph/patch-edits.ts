import { elements } from "../onnx/data-types.ts";
import type { Frame } from "../onnx/decode.ts";
import { append, before, type Edit, remove, replace, replaceField } from "../onnx/edits.ts";
import { FIELD, type NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { BYTES } from "../onnx/wire.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";
import { WireWriter } from "../onnx/wire-writer.ts";
import { constantNode, valueInfo, writeAttribute, writeNode, writeTensor } from "./encode.ts";
import type { Graph, Node, Scope, Use, Value } from "./graph.ts";
import type { AttributeValue, NewNode } from "./new-node.ts";
import { noteEdits } from "./operand-notes.ts";
import type { DenseTensor } from "./tensor.ts";
import type { Type } from "./types.ts";

/** A new node, and the one it is put just before; null for the end of its scope. */
export interface Insertion {
  readonly before: Node | null;
  /** The scope at whose end it is put; the main graph by default. */
  readonly scope?: Scope | undefined;
  readonly node: NewNode;
}

/** A value that becomes an input or output of a scope, the main graph by default. */
export interface Port {
  readonly name: string;
  /** Null if inference is to find it. */
  readonly type: Type | null;
  readonly scope?: Scope | undefined;
  /** The present output that it is put before; the end by default. */
  readonly index?: number | undefined;
}

/** A new input or output slot of a node, put before the one at `index`; slots between are absent. */
export interface Slot {
  readonly node: Pick<Node, "message">;
  readonly index: number;
  readonly name: string;
  /** It takes the place of the absent slot at `index`. */
  readonly fills?: boolean;
}

/** A new tensor, and the graph or body whose initializer it becomes; the main graph by default. */
export interface NewTensor extends DenseTensor {
  readonly scope?: Scope | undefined;
}

/** What a pass wants changed. Nothing that is not named here is touched. */
export interface Patch {
  readonly nodes: readonly Insertion[];
  readonly tensors: readonly NewTensor[];
  /** Input slots that are to read another value, of the same type. */
  readonly redirects: readonly { readonly use: Use; readonly name: string }[];
  /** NodeProtos that are written already, and the node that each is put just before. */
  readonly written?: readonly { readonly before: Node; readonly bytes: Uint8Array }[];
  /** Nodes that new ones take the place of, and initializers that become inputs. */
  readonly removed?: readonly (Node | Value)[];
  /** Nodes that others take the place of. */
  readonly replaced?: readonly {
    readonly node: Pick<Node, "message"> & { readonly scope?: Scope };
    readonly by: readonly NewNode[];
  }[];
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  /** Inputs of the main graph whose type is stated anew. */
  readonly retyped?: readonly Port[];
  /** Outputs of the main graph that are no longer told. */
  readonly untold?: readonly string[];
  readonly nodeInputs?: readonly Slot[];
  readonly nodeOutputs?: readonly Slot[];
  /** Attributes that nodes get, in the place of those with their names. */
  readonly attributes?: readonly {
    readonly node: Pick<Node, "message">;
    readonly name: string;
    readonly value: AttributeValue;
  }[];
  /** Operator sets that the model does not import yet, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
}

/** Elements up to which a new tensor stays in the model when others go into a file of their own. */
const KEPT_INSIDE = 16;

/** Bytes of new tensors that make an insertion of their own, so that no buffer grows with all of them. */
const AT_ONCE = 1 << 15;

/** Whether a new tensor goes into a data file, if there is one for new weights. */
export const isLarge = ({ dims }: DenseTensor) => elements(dims) > KEPT_INSIDE;

/** The edits of the file that a patch stands for. New weights that are large go to `location`. */
export function patchEdits({ file }: Pick<Graph, "file">, patch: Patch, location: string | null) {
  const main = { frame: file.graph.frame };
  return [
    ...tensorEdits(file, patch.tensors, location),
    ...nodeEdits(file, patch),
    ...(patch.written ?? []).map(({ before: node, bytes }) =>
      before(node.message, bytesField(nodeField(node.scope), bytes)),
    ),
    ...patch.redirects.map(({ use, name }) => redirect(file, use, name)),
    ...noteEdits(file, patch.redirects),
    ...(patch.removed ?? []).map(removal),
    ...(patch.replaced ?? []).map(({ node, by }) => replace(node.message, written(by, node.scope))),
    ...(patch.retyped ?? []).map((port) => retype(file, port)),
    ...(patch.untold ?? []).map((name) => remove(named(file.graph.outputs, name))),
    ...(patch.inputs ?? []).map((port) => append(port.scope?.message ?? main, input(port))),
    ...(patch.outputs ?? []).map((port) => output(port, port.scope?.message ?? file.graph)),
    ...slots(file, patch),
    ...(patch.attributes ?? []).flatMap(({ node, name, value }) => attribute(node, name, value)),
  ];
}

const utf8 = new TextEncoder();

/** The field that holds the nodes of a scope: a function has another than a graph. */
const nodeField = (scope: Scope | undefined) =>
  scope?.kind === "function" ? FIELD.functionNode : FIELD.graphNode;

/** Below IR version 4 an initializer must be a graph input too, so a new tensor is a Constant node. */
const asNodes = ({ message }: ModelFile) => message.irVersion < 4;

function tensorEdits(file: ModelFile, tensors: readonly NewTensor[], location: string | null) {
  const edits: Edit[] = [];
  if (asNodes(file)) return edits;
  const to = new WireWriter();
  let offset = 0;
  let end: { frame: Frame } = file.graph;
  const flush = () => edits.push(append(end, to.take()));
  for (const tensor of tensors) {
    const next = tensor.scope?.message ?? file.graph;
    if (next !== end) flush();
    end = next;
    const { length } = tensor.data;
    const out = location !== null && isLarge(tensor) ? { location, offset, length } : null;
    writeTensor(to, FIELD.graphInitializer, tensor, out);
    if (out) offset += length;
    if (to.length >= AT_ONCE) flush();
  }
  flush();
  return edits;
}

/** New nodes, those at one place together. */
function nodeEdits(file: ModelFile, { nodes, tensors }: Patch): Edit[] {
  interface Group {
    readonly scope: Scope | undefined;
    readonly edit: (bytes: Uint8Array) => Edit;
    readonly nodes: NewNode[];
  }
  const groups = new Map<object, Group>();
  const put = (node: NewNode, next: NodeMessage | undefined, scope: Scope | undefined) => {
    const end = scope?.message ?? file.graph;
    const group = groups.get(next ?? end);
    if (group) group.nodes.push(node);
    else {
      const edit = (bytes: Uint8Array) => (next ? before(next, bytes) : append(end, bytes));
      groups.set(next ?? end, { scope, edit, nodes: [node] });
    }
  };
  if (asNodes(file))
    for (const tensor of tensors) {
      const { nodes: present } = tensor.scope?.message ?? file.graph;
      put(constantNode(tensor), present[0], tensor.scope);
    }
  for (const { before: next, scope, node } of nodes) put(node, next?.message, next?.scope ?? scope);
  const to = new WireWriter();
  return [...groups.values()].map(({ scope, edit, nodes: group }) =>
    edit(written(group, scope, to)),
  );
}

function written(nodes: readonly NewNode[], scope: Scope | undefined, to = new WireWriter()) {
  for (const node of nodes) writeNode(to, nodeField(scope), node);
  return to.take();
}

const input = ({ name, type }: Port) => bytesField(FIELD.graphInput, valueInfo(name, type));

function output({ name, type, scope, index }: Port, message: { frame: Frame }): Edit {
  const next = scope && index !== undefined ? scope.message.outputs[index] : undefined;
  const bytes =
    scope?.kind === "function"
      ? bytesField(FIELD.functionOutput, utf8.encode(name))
      : bytesField(FIELD.graphOutput, valueInfo(name, type));
  return typeof next === "object" ? before(next, bytes) : append(message, bytes);
}

/** The text fields of a message with this number. */
const texts = ({ reader }: ModelFile, { frame }: { frame: Frame }, number: number) =>
  [...reader.fields(frame)].filter((field) => field.number === number && field.wire === BYTES);

function redirect(file: ModelFile, { node, index }: Use, name: string): Edit {
  const field = texts(file, node.message, FIELD.nodeInput)[index];
  if (!field) throw new Error(`${node.message.name} has no input ${index}`);
  return replaceField(node.message, field, bytesField(FIELD.nodeInput, utf8.encode(name)));
}

/** New input and output slots of nodes, each put before the one at its index. */
function slots(file: ModelFile, { nodeInputs = [], nodeOutputs = [] }: Patch): Edit[] {
  const edits: Edit[] = [];
  const kinds = [
    [FIELD.nodeInput, "inputs", nodeInputs],
    [FIELD.nodeOutput, "outputs", nodeOutputs],
  ] as const;
  for (const [number, key, all] of kinds)
    for (const node of new Set(all.map((slot) => slot.node))) {
      const added = all.filter((slot) => slot.node === node);
      const present = node.message[key];
      const length = Math.max(present.length, ...added.map(({ index }) => index));
      const names: string[] = [];
      for (let k = 0; k <= length; k++) {
        for (const { index, name } of added) if (index === k) names.push(name);
        const filled = added.some(({ index, fills }) => index === k && fills);
        if (k < length && !filled) names.push(present[k] ?? "");
      }
      const fields = names.map((name) => bytesField(number, utf8.encode(name)));
      for (const field of texts(file, node.message, number))
        edits.push(replaceField(node.message, field, new Uint8Array()));
      edits.push(append(node.message, concat(fields)));
    }
  return edits;
}

/** An attribute of a node, in the place of the one that has its name. */
function attribute({ message }: Pick<Node, "message">, name: string, value: AttributeValue) {
  const to = new WireWriter();
  writeAttribute(to, name, value);
  const present = message.attributes.filter((each) => each.name === name);
  return [...present.map(remove), append(message, to.take())];
}

function removal(what: Node | Value): Edit {
  return remove("message" in what ? what.message : (what.initializer ?? what.producer!.message));
}

const named = <T extends { readonly name: string }>(all: readonly T[], name: string): T =>
  all.find((each) => each.name === name)!;

const retype = ({ graph }: ModelFile, port: Port): Edit =>
  replace(named(graph.inputs, port.name), input(port));
