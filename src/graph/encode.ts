import onnxProto from "onnx-proto";
import { dataTypeNamed } from "../onnx/data-types.ts";
import { FIELD } from "../onnx/messages.ts";
import { bytesField } from "../onnx/wire-bytes.ts";
import type { DenseTensor } from "./tensor.ts";
import type { Type } from "./types.ts";

const { onnx } = onnxProto;
const { FLOAT, FLOATS, INT, INTS, STRING, TENSOR } = onnx.AttributeProto.AttributeType;

/** A float attribute: a plain number is written as an integer. */
export interface FloatAttribute {
  readonly float: number | readonly number[];
}

/** An attribute's value: integers as they are, floats as `float(x)`, strings, tensors. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | FloatAttribute
  | { readonly tensor: DenseTensor };

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A float attribute's value. */
export const float = (value: number | readonly number[]): FloatAttribute => ({ float: value });

/** A node to be inserted; an absent optional input or output is "". */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  /** The operator set; ai.onnx where it is not given. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A NodeProto. */
export function encodeNode({ name, op, domain, inputs, outputs, attributes }: NewNode): Uint8Array {
  const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
  const node = { name, opType: op, input: [...inputs], output: [...outputs], attribute };
  return onnx.NodeProto.encode(domain ? { ...node, domain } : node).finish();
}

function encodeAttribute(name: string, value: AttributeValue) {
  if (typeof value === "number") return { name, type: INT, i: value };
  if (typeof value === "string") return { name, type: STRING, s: new TextEncoder().encode(value) };
  if ("tensor" in value) return { name, type: TENSOR, t: tensorProto(value.tensor) };
  if (!("float" in value)) return { name, type: INTS, ints: [...value] };
  const { float } = value;
  return typeof float === "number"
    ? { name, type: FLOAT, f: float }
    : { name, type: FLOATS, floats: [...float] };
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

/** A TensorProto whose data lies in a file of its own. */
export function encodeExternal(tensor: DenseTensor, location: string, offset: number): Uint8Array {
  const { rawData, ...rest } = tensorProto(tensor);
  const entries = { location, offset, length: rawData.length };
  const externalData = Object.entries(entries).map(([key, value]) => ({
    key,
    value: String(value),
  }));
  const dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
  return onnx.TensorProto.encode({ ...rest, externalData, dataLocation }).finish();
}

/** The NodeProto of a Constant that makes the tensor. */
export const constantNode = (tensor: DenseTensor) =>
  encodeNode({
    name: tensor.name,
    op: "Constant",
    inputs: [],
    outputs: [tensor.name],
    attributes: { value: { tensor } },
  });

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
