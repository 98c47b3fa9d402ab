import onnxProto from "onnx-proto";
import { concat } from "./bytes.ts";
import { dataTypeNamed, type Type } from "./dtypes.ts";
import { FIELD } from "./messages.ts";
import type {
  AttributeValue,
  DenseTensor,
  EncodedAttribute,
  NewNode,
  WrittenNode,
} from "./new-node.ts";
import { bytesField, fieldHead, WireWriter } from "./wire-writer.ts";

const { onnx } = onnxProto;
const { FLOAT, FLOATS, GRAPH, INT, INTS, STRING, TENSOR } = onnx.AttributeProto.AttributeType;

/** Writes the fields of a NodeProto. */
function writeNode(to: WireWriter, node: NewNode): void {
  to.texts(1, node.inputs);
  to.texts(2, node.outputs);
  to.text(3, node.name);
  to.text(4, node.op);
  for (const name in node.attributes) writeAttribute(to, name, node.attributes[name]);
  to.text(7, node.domain ?? "");
}

/** Writes an AttributeProto as a field of the enclosing node. */
function writeAttribute(to: WireWriter, name: string, value: AttributeValue): void {
  if (typeof value === "object" && "encoded" in value) {
    to.bytes(5, concat([bytesField(1, utf8.encode(name)), value.encoded]));
    return;
  }
  to.message(5, () => {
    to.text(1, name);
    to.integer(20, writeValue(to, value));
  });
}

/** Writes an attribute's value; returns its AttributeType. */
function writeValue(to: WireWriter, value: Exclude<AttributeValue, EncodedAttribute>): number {
  if (typeof value === "number") {
    to.integer(3, value);
    return INT;
  }
  if (typeof value === "string") {
    to.bytes(4, utf8.encode(value));
    return STRING;
  }
  if ("tensor" in value) {
    to.message(5, () => writeTensor(to, value.tensor));
    return TENSOR;
  }
  if ("graph" in value) {
    const { name, nodes, inputs = [], outputs } = value.graph;
    to.message(6, () => {
      for (const node of nodes) to.message(FIELD.graphNode, () => writeNode(to, node));
      to.text(FIELD.graphName, name);
      for (const { name, type } of inputs) to.bytes(FIELD.graphInput, valueInfo(name, type));
      for (const { name, type } of outputs) to.bytes(FIELD.graphOutput, valueInfo(name, type));
    });
    return GRAPH;
  }
  if (!("float" in value)) {
    to.integers(8, value);
    return INTS;
  }
  const { float } = value;
  if (typeof float === "number") to.float(2, float);
  else to.floats(7, float);
  return typeof float === "number" ? FLOAT : FLOATS;
}

/** The position of a tensor's data outside the model. */
export interface Outside {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Writes the fields of a TensorProto; its data is raw or external. */
function writeTensor(
  to: WireWriter,
  { name, dtype, dims, data }: DenseTensor,
  outside: Outside | null = null,
): void {
  to.integers(1, dims);
  to.integer(2, dataTypeNamed(dtype)!.number);
  to.text(FIELD.tensorName, name);
  if (outside) writeOutside(to, outside);
  else to.bytes(FIELD.tensorRaw, data);
}

/** Writes the fields of a TensorProto whose data is outside the model. */
function writeOutside(to: WireWriter, { location, offset, length }: Outside): void {
  for (const [key, value] of Object.entries({ location, offset, length }))
    writeExternalEntry(to, key, String(value));
  to.integer(14, onnx.TensorProto.DataLocation.EXTERNAL);
}

function writeExternalEntry(to: WireWriter, key: string, value: string): void {
  to.message(FIELD.tensorExternalData, () => {
    to.text(FIELD.entryKey, key);
    to.text(FIELD.entryValue, value);
  });
}

/** Encodes a ValueInfoProto with a tensor type, or with a name alone. */
function valueInfo(name: string, type: Type | null): Uint8Array {
  if (!type) return onnx.ValueInfoProto.encode({ name }).finish();
  const { dtype, shape } = type;
  const dim = shape?.map((d) =>
    typeof d === "number" ? { dimValue: d } : d ? { dimParam: d } : {},
  );
  const elemType = dataTypeNamed(dtype)!.number;
  const tensorType = { elemType, ...(dim ? { shape: { dim } } : {}) };
  return onnx.ValueInfoProto.encode({ name, type: { tensorType } }).finish();
}

/** One writer for all encoders; bytes taken from it stay valid. */
const writer = new WireWriter();

/** Returns what is written meanwhile. */
function written(write: (to: WireWriter) => void): Uint8Array {
  write(writer);
  return writer.take();
}

/** The number of the field that holds a node; it differs between a graph and a function. */
const nodeNumber = (inFunction: boolean) => (inFunction ? FIELD.functionNode : FIELD.graphNode);

/** Encodes nodes as fields of a graph or of a function. */
export const nodeFields = (nodes: readonly NewNode[], inFunction: boolean): Uint8Array =>
  written((to) => {
    for (const node of nodes) to.message(nodeNumber(inFunction), () => writeNode(to, node));
  });

/** Encodes a node as a field of a graph or of a function. */
export const nodeField = (node: WrittenNode, inFunction: boolean): Uint8Array =>
  node instanceof Uint8Array
    ? bytesField(nodeNumber(inFunction), node)
    : nodeFields([node], inFunction);

/** Encodes an attribute as a field of a node. */
export const attributeField = (name: string, value: AttributeValue): Uint8Array =>
  written((to) => writeAttribute(to, name, value));

/** Bytes of new tensors per insertion, so that no buffer grows to hold all of them. */
const AT_ONCE = 1 << 15;

/** Encodes tensors as initializers, in chunks: raw, or external if `place` gives a position. */
export function* initializerFields(
  tensors: Iterable<DenseTensor>,
  place: (tensor: DenseTensor) => Outside | null,
): Generator<Uint8Array> {
  for (const tensor of tensors) {
    writer.message(FIELD.graphInitializer, () => writeTensor(writer, tensor, place(tensor)));
    if (writer.length >= AT_ONCE) yield writer.take();
  }
  yield writer.take();
}

/** Encodes the fields of a TensorProto whose data is outside the model. */
export const outsideFields = (outside: Outside): Uint8Array =>
  written((to) => writeOutside(to, outside));

/** Encodes the location of a tensor's data as a field of the tensor. */
export const locationField = (location: string): Uint8Array =>
  written((to) => writeExternalEntry(to, "location", location));

/** Encodes a TensorProto without a field around it. */
export const tensorMessage = (tensor: DenseTensor): Uint8Array =>
  written((to) => writeTensor(to, tensor));

const INFO = { input: FIELD.graphInput, output: FIELD.graphOutput, inner: FIELD.graphValueInfo };

/** Encodes a value as an input or output of a graph, or the type of one inside. */
export const infoField = (kind: keyof typeof INFO, name: string, type: Type | null): Uint8Array =>
  bytesField(INFO[kind], valueInfo(name, type));

/** Encodes a name as an input or output slot of a node. */
export const slotField = (slot: "input" | "output", name: string): Uint8Array =>
  textField(slot === "input" ? FIELD.nodeInput : FIELD.nodeOutput, name);

/** Encodes a text as a field. */
export const textField = (number: number, text: string): Uint8Array =>
  written((to) => to.texts(number, [text]));

/** The parts of an entry of metadata_props. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** Encodes an entry of metadata_props in parts, because the value may be long and is not copied. */
export function metadataFields({ key, value }: Entry): Uint8Array[] {
  const [named, text] = [textField(FIELD.entryKey, key), utf8.encode(value)];
  const head = fieldHead(FIELD.entryValue, text.length);
  const length = named.length + head.length + text.length;
  return [concat([fieldHead(FIELD.modelMetadata, length), named, head]), text];
}

/** Encodes an empty model. */
export const emptyModel = (name: string, irVersion: number, opset: number): Uint8Array =>
  onnx.ModelProto.encode({
    irVersion,
    producerName: "laurelize",
    graph: { name },
    opsetImport: [{ domain: "", version: opset }],
  }).finish();

/** Encodes an entry of a ModelProto's opset_import. */
export const opsetImport = (domain: string, version: number): Uint8Array =>
  bytesField(FIELD.modelOpset, onnx.OperatorSetIdProto.encode({ domain, version }).finish());

const utf8 = new TextEncoder();
