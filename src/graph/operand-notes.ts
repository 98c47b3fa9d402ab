import { append, type Edit, replaceField } from "../onnx/edits.ts";
import type { AnnotationMessage, GraphMessage, NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Range } from "../onnx/source.ts";
import type { Field } from "../onnx/wire.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";
import { type Node, outward, type Use } from "./graph.ts";

/** Fields by which a model notes something of an operand, by its name. */
export const NOTES = { nodeDevices: 10, graphAnnotation: 14 };
const [SHARDING, TENSOR_NAME] = [2, 1];

type Reader = ModelFile["reader"];
type Redirect = { readonly use: Use; readonly name: string };

/** What the notes on an operand are to name instead; itself where nothing changes. */
export type Renaming = (name: string) => readonly string[];

/** The edits by which what is noted of operands follows them to the values that nodes now read. */
export function noteEdits(file: ModelFile, redirects: readonly Redirect[]): Edit[] {
  const edits: Edit[] = [];
  const byNode = new Map<Node, Redirect[]>();
  for (const redirect of redirects) {
    const all = byNode.get(redirect.use.node);
    if (all) all.push(redirect);
    else byNode.set(redirect.use.node, [redirect]);
  }
  for (const [{ message }, all] of byNode) {
    const inputs = message.inputs.map(
      (name, k) => all.find(({ use }) => use.index === k)?.name ?? name,
    );
    const renamed = renaming(message, inputs);
    for (const field of deviceFields(file, message))
      edits.push(replaceField(message, field, devicesRenamed(file.reader, field, renamed)));
  }
  const noted = new Set<string>();
  for (const { use, name } of redirects) {
    const found = annotationOf(use.node, use.node.message.inputs[use.index]);
    if (!found || noted.has(name)) continue;
    noted.add(name);
    edits.push(append(found.graph, annotationNaming(file.reader, found.annotation, name)));
  }
  return edits;
}

/** How the operands of a node are renamed that reads other inputs now. */
export function renaming({ inputs, outputs }: NodeMessage, now: readonly string[]): Renaming {
  const names = new Map<string, Set<string>>();
  for (const [k, name] of inputs.entries()) {
    const all = names.get(name) ?? new Set(outputs.includes(name) ? [name] : []);
    names.set(name, all.add(now[k]));
  }
  return (name) => [...(names.get(name) ?? [name])];
}

const deviceFields = ({ reader }: ModelFile, { frame }: NodeMessage) =>
  [...reader.fields(frame)].filter(({ number }) => number === NOTES.nodeDevices);

/** A node's device configurations, written anew. */
export const devicesOf = (file: ModelFile, node: NodeMessage, renamed: Renaming): Uint8Array =>
  concat(deviceFields(file, node).map((field) => devicesRenamed(file.reader, field, renamed)));

/** A NodeDeviceConfigurationProto whose sharding is that of the operands by their new names. */
export function devicesRenamed(reader: Reader, field: Field, renamed: Renaming): Uint8Array {
  const fields = fieldsIn(reader, field).flatMap((each) => {
    if (each.number !== SHARDING) return [raw(reader, each)];
    const spec = fieldsIn(reader, each);
    const name = spec.find(({ number }) => number === TENSOR_NAME);
    const rest = spec.filter(({ number }) => number !== TENSOR_NAME).map((it) => raw(reader, it));
    if (!name) return [raw(reader, each)];
    return renamed(reader.text(name)).map((now) => bytesField(SHARDING, named(now), ...rest));
  });
  return bytesField(field.number, ...fields);
}

function annotationOf(node: Node, name: string) {
  for (const { message } of outward(node.scope)) {
    const graph = "annotations" in message ? (message as GraphMessage) : null;
    const annotation = graph?.annotations.find((each) => each.name === name);
    if (graph && annotation) return { graph, annotation };
  }
  return null;
}

/** The same annotation of another tensor, as a field of the graph. */
function annotationNaming(reader: Reader, { frame }: AnnotationMessage, name: string): Uint8Array {
  return bytesField(NOTES.graphAnnotation, named(name), ...restOf(reader, frame));
}

/** Whether a graph has the annotations of another, and beyond them only the same of other tensors. */
export function annotationsFollow(
  before: ModelFile,
  { annotations: own }: GraphMessage,
  after: ModelFile,
  { annotations: now }: GraphMessage,
): boolean {
  const text = ({ reader }: ModelFile, { frame }: AnnotationMessage) =>
    String(concat(restOf(reader, frame)));
  const known = own.map((each) => text(before, each));
  return now.every(
    (each, k) =>
      (k < own.length ? each.name === own[k].name : !own.some(({ name }) => name === each.name)) &&
      (k < own.length ? known[k] === text(after, each) : known.includes(text(after, each))),
  );
}

const restOf = (reader: Reader, range: Range) =>
  [...reader.fields(range)]
    .filter(({ number }) => number !== TENSOR_NAME)
    .map((field) => raw(reader, field));

const fieldsIn = (reader: Reader, { body, end }: Field) => [...reader.fields({ start: body, end })];
const raw = (reader: Reader, { start, end }: Range) => reader.bytes({ start, end }).slice();
const utf8 = new TextEncoder();
const named = (name: string) => bytesField(TENSOR_NAME, utf8.encode(name));
