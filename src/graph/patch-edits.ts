import { groupBy } from "../entry.ts";
import { concat } from "../onnx/bytes.ts";
import { elements } from "../onnx/dtypes.ts";
import { append, before, type Edit, replace, replaceRange } from "../onnx/edits.ts";
import {
  attributeField,
  type Entry,
  infoField,
  initializerFields,
  metadataFields,
  nodeField,
  nodeFields,
  slotField,
  textField,
} from "../onnx/encode.ts";
import { FIELD, type GraphMessage, type NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { type AttributeValue, constantNode, type DenseTensor } from "../onnx/new-node.ts";
import { annotationNaming, deviceEdits } from "../onnx/operand-notes.ts";
import { tensorEdits } from "../onnx/tensor-edits.ts";
import { type Graph, type Node, outward, type Scope, type Value } from "./graph.ts";
import type { NewTensor, Patch, Port, Slot } from "./patch-contents.ts";

/** Number of elements up to which a new tensor is not put into a data file. */
const KEPT_INSIDE = 16;

/** Whether a new tensor goes into the data file for new weights, if there is one. */
export const isLarge = ({ dims }: DenseTensor) => elements(dims) > KEPT_INSIDE;

/** Returns the edits of the file for a patch. Large new weights go to `location`. */
export function patchEdits({ file }: Pick<Graph, "file">, patch: Patch, location: string | null) {
  const { tensors = [], redirects = [] } = patch;
  const main = { frame: file.graph.frame };
  return [
    ...tensorEdits(file, patch),
    ...initializerEdits(file, tensors, location),
    ...nodeEdits(file, patch),
    ...(patch.written ?? []).map(({ before: next, node }) =>
      before(next.message, nodeField(node, isFunction(next.scope))),
    ),
    ...redirects.map(({ use, name }) => renameSlot(file, use, "input", name)),
    ...noteEdits(file, redirects),
    ...(patch.removed ?? []).map(removal),
    ...(patch.replaced ?? []).map(({ node, by }) =>
      replace(node.message, nodeFields(by, isFunction(node.scope))),
    ),
    ...(patch.retyped ?? []).flatMap((port) => retype(file, port)),
    ...(patch.stated ?? []).map((port) =>
      append(file.graph, infoField("inner", port.name, port.type)),
    ),
    ...(patch.metadata ?? []).map((entry) => renewedEntry(file, entry)),
    ...named(file.graph.outputs, patch.untold ?? []).map((info) => replace(info)),
    ...(patch.inputs ?? []).map((port) =>
      append(port.scope?.message ?? main, infoField("input", port.name, port.type)),
    ),
    ...(patch.outputs ?? []).map((port) => output(port, port.scope?.message ?? file.graph)),
    ...slots(file, patch),
    ...(patch.renamed ?? []).map((one) => renameSlot(file, one, "output", one.name)),
    ...(patch.forgotten ?? []).flatMap((key) =>
      file.message.metadata.filter((entry) => entry.key === key).map((entry) => replace(entry)),
    ),
    ...(patch.attributes ?? []).flatMap(({ node, name, value }) => attribute(node, name, value)),
  ];
}

const isFunction = (scope: Scope | undefined) => scope?.kind === "function";

/** Below IR version 4, initializers are inputs too, so a new tensor becomes a Constant. */
const asNodes = ({ message }: ModelFile) => message.irVersion < 4;

function initializerEdits(
  file: ModelFile,
  tensors: readonly NewTensor[],
  location: string | null,
): Edit[] {
  if (asNodes(file)) return [];
  let offset = 0;
  const place = (tensor: DenseTensor) => {
    const { length } = tensor.data;
    if (location === null || !isLarge(tensor)) return null;
    offset += length;
    return { location, offset: offset - length, length };
  };
  const neighbors: [NewTensor, ...NewTensor[]][] = [];
  for (const tensor of tensors) {
    const last = neighbors.at(-1);
    if (last && last[0].scope?.message === tensor.scope?.message) last.push(tensor);
    else neighbors.push([tensor]);
  }
  return neighbors.flatMap((group) => {
    const message = group[0].scope?.message ?? file.graph;
    return [...initializerFields(group, place)].map((bytes) => append(message, bytes));
  });
}

/** Writes new nodes together that go to one place. */
function nodeEdits(file: ModelFile, { nodes = [], tensors = [] }: Patch): Edit[] {
  const endOf = (scope: Scope | undefined) => scope?.message ?? file.graph;
  const constants = (asNodes(file) ? tensors : []).map((tensor) => {
    const { scope } = tensor;
    const [message] = endOf(scope).nodes;
    return { before: message ? { message, scope } : null, scope, node: constantNode(tensor) };
  });
  const places = groupBy(
    [...constants, ...nodes],
    (one) => one.before?.message ?? endOf(one.scope),
  );
  return [...places.values()].map((group) => {
    const [{ before: next, scope }] = group;
    const written = group.map(({ node }) => node);
    const bytes = nodeFields(written, isFunction(next?.scope ?? scope));
    return next ? before(next.message, bytes) : append(endOf(scope), bytes);
  });
}

function output(
  { name, type, scope, index }: Port,
  message: GraphMessage | Scope["message"],
): Edit {
  const next = index === undefined ? undefined : message.outputs[index];
  const bytes = isFunction(scope)
    ? textField(FIELD.functionOutput, name)
    : infoField("output", name, type);
  return typeof next === "object" ? before(next, bytes) : append(message, bytes);
}

type SlotKind = "input" | "output";

const slotFields = ({ reader }: ModelFile, { frame }: NodeMessage, slot: SlotKind) =>
  reader.fieldsWith(slot === "input" ? FIELD.nodeInput : FIELD.nodeOutput, frame);

function renameSlot(
  file: ModelFile,
  { node: { message }, index }: { readonly node: Slot["node"]; readonly index: number },
  slot: SlotKind,
  name: string,
): Edit {
  const field = slotFields(file, message, slot)[index];
  if (!field) throw new Error(`${message.name} does not have an ${slot} ${index}`);
  return replaceRange(message, field, slotField(slot, name));
}

/** Adds input and output slots to nodes, each before the one at its index. */
function slots(file: ModelFile, { nodeInputs = [], nodeOutputs = [] }: Patch): Edit[] {
  const edits: Edit[] = [];
  const kinds = [
    ["input", "inputs", nodeInputs],
    ["output", "outputs", nodeOutputs],
  ] as const;
  for (const [slot, key, all] of kinds)
    for (const node of new Set(all.map((slot) => slot.node))) {
      const added = all.filter((slot) => slot.node === node);
      const fields = withSlots(node.message[key], added).map((name) => slotField(slot, name));
      for (const field of slotFields(file, node.message, slot))
        edits.push(replaceRange(node.message, field));
      edits.push(append(node.message, concat(fields)));
    }
  return edits;
}

/** Returns the names of a node's slots with the added ones. */
function withSlots(present: readonly string[], added: readonly Slot[]): string[] {
  const length = Math.max(present.length, ...added.map(({ index }) => index));
  const names: string[] = [];
  for (let k = 0; k <= length; k++) {
    const here = added.filter(({ index }) => index === k);
    names.push(...here.map(({ name }) => name));
    if (k < length && !here.some(({ fills }) => fills)) names.push(present[k] ?? "");
  }
  return names;
}

/** Sets an attribute of a node; replaces the one with the same name. */
function attribute({ message }: Pick<Node, "message">, name: string, value: AttributeValue) {
  const present = named(message.attributes, [name]).map((each) => replace(each));
  return [...present, append(message, attributeField(name, value))];
}

const removal = (what: Node | Value): Edit =>
  replace("message" in what ? what.message : (what.initializer ?? what.producer!.message));

const named = <T extends { readonly name: string }>(all: readonly T[], names: readonly string[]) =>
  all.filter(({ name }) => names.includes(name));

/** States the new type if a value is an input or output; a statement inside is left to inference. */
const retype = ({ graph }: ModelFile, { name, type }: Port): Edit[] => [
  ...named(graph.inputs, [name]).map((info) => replace(info, infoField("input", name, type))),
  ...named(graph.outputs, [name]).map((info) => replace(info, infoField("output", name, type))),
  ...named(graph.valueInfos, [name]).map((info) => replace(info)),
];

function renewedEntry({ message }: ModelFile, entry: Entry): Edit {
  const present = message.metadata.find(({ key }) => key === entry.key);
  const bytes = concat(metadataFields(entry));
  return present ? replace(present, bytes) : append(message, bytes);
}

/** Returns the edits that update annotations of operands to the values that nodes now read. */
function noteEdits(file: ModelFile, redirects: NonNullable<Patch["redirects"]>): Edit[] {
  const edits: Edit[] = [];
  const onDevices = redirects.filter(({ use }) => use.node.message.devices.length > 0);
  for (const [{ message }, ofNode] of groupBy(onDevices, ({ use }) => use.node)) {
    const inputs = message.inputs.map(
      (name, k) => ofNode.find(({ use }) => use.index === k)?.name ?? name,
    );
    edits.push(...deviceEdits(file, message, inputs));
  }
  const names = new Set<string>();
  for (const { use, name } of redirects) {
    const noted = annotationOf(use.node, use.node.message.inputs[use.index]);
    if (!noted || names.has(name)) continue;
    names.add(name);
    edits.push(append(noted.graph, annotationNaming(file.reader, noted.annotation, name)));
  }
  return edits;
}

function annotationOf(node: Node, name: string) {
  for (const { message: graph } of outward(node.scope)) {
    const all = "annotations" in graph ? graph.annotations : [];
    const annotation = all.find((each) => each.name === name);
    if (annotation) return { graph, annotation };
  }
  return null;
}
