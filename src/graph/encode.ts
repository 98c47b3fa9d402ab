import onnxProto from "onnx-proto";
import { dataTypeNamed } from "../onnx/data-types.ts";
import { FIELD } from "../onnx/messages.ts";
import { bytesField } from "../onnx/wire-bytes.ts";
import type { WireWriter } from "../onnx/wire-writer.ts";
import type { AttributeValue, NewNode } from "./new-node.ts";
import type { DenseTensor } from "./tensor.ts";
import type { Type } from "./types.ts";

const { onnx } = onnxProto;
const { FLOAT, FLOATS, GRAPH, INT, INTS, STRING, TENSOR } = onnx.AttributeProto.AttributeType;

/** Writes a NodeProto as a field of the message around it. */
export function writeNode(to: WireWriter, field: number, node: NewNode): void {
  to.message(field, () => {
    to.texts(1, node.inputs);
    to.texts(2, node.outputs);
    to.text(3, node.name);
    to.text(4, node.op);
    for (const name in node.attributes) writeAttribute(to, name, node.attributes[name]);
    to.text(7, node.domain ?? "");
  });
}

/** Writes an AttributeProto as a field of the node around it. */
export function writeAttribute(to: WireWriter, name: string, value: AttributeValue): void {
  to.message(5, () => {
    to.text(1, name);
    to.integer(20, writeValue(to, value));
  });
}

/** Writes an attribute's value; tells its AttributeType. */
function writeValue(to: WireWriter, value: AttributeValue): number {
  if (typeof value === "number") {
    to.integer(3, value);
    return INT;
  }
  if (typeof value === "string") {
    to.bytes(4, utf8.encode(value));
    return STRING;
  }
  if ("tensor" in value) {
    writeTensor(to, 5, value.tensor);
    return TENSOR;
  }
  if ("graph" in value) {
    const { name, nodes, outputs } = value.graph;
    to.message(6, () => {
      for (const node of nodes) writeNode(to, FIELD.graphNode, node);
      to.text(FIELD.graphName, name);
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

/** Where the data of a tensor lies that is not in the model. */
export interface Outside {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Writes a TensorProto as a field of the message around it, its data raw or outside. */
export function writeTensor(
  to: WireWriter,
  field: number,
  { name, dtype, dims, data }: DenseTensor,
  outside: Outside | null = null,
): void {
  to.message(field, () => {
    to.integers(1, dims);
    to.integer(2, dataTypeNamed(dtype)!.number);
    to.text(8, name);
    if (!outside) {
      to.bytes(9, data);
      return;
    }
    const { location, offset, length } = outside;
    for (const [key, value] of Object.entries({ location, offset, length }))
      to.message(13, () => {
        to.text(1, key);
        to.text(2, String(value));
      });
    to.integer(14, onnx.TensorProto.DataLocation.EXTERNAL);
  });
}

/** A Constant node that makes the tensor. */
export const constantNode = (tensor: DenseTensor): NewNode => ({
  name: tensor.name,
  op: "Constant",
  inputs: [],
  outputs: [tensor.name],
  attributes: { value: { tensor } },
});

const utf8 = new TextEncoder();

/** A ValueInfoProto: a tensor's, or a name alone. */
export function valueInfo(name: string, type: Type | null = null): Uint8Array {
  const dim = (d: number | string) =>
    typeof d === "number" ? { dimValue: d } : d === "" ? {} : { dimParam: d };
  if (!type) return onnx.ValueInfoProto.encode({ name }).finish();
  const { dtype, shape } = type;
  const tensorType = {
    elemType: dataTypeNamed(dtype)!.number,
    ...(shape ? { shape: { dim: shape.map(dim) } } : {}),
  };
  return onnx.ValueInfoProto.encode({ name, type: { tensorType } }).finish();
}

/** An entry of a ModelProto's opset_import. */
export const opsetImport = (domain: string, version: number) =>
  bytesField(FIELD.modelOpset, onnx.OperatorSetIdProto.encode({ domain, version }).finish());
