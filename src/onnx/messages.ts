import {
  type Frame,
  floats,
  integer,
  integers,
  message,
  messages,
  optionalFloat,
  optionalInteger,
  place,
  type Schema,
  text,
  texts,
} from "./decode.ts";
import type { Range } from "./source.ts";

interface Message {
  readonly frame: Frame;
}

/** TensorProto, its values left where they lie. */
export interface TensorMessage extends Message {
  readonly name: string;
  /** TensorProto.DataType; newer types keep their number. */
  readonly dataType: number;
  readonly dims: readonly number[];
  /** Where raw_data lies. */
  readonly raw: Range | null;
  readonly externalData: readonly ExternalDataMessage[];
  /** TensorProto.DataLocation: 1 is EXTERNAL. */
  readonly dataLocation: number;
}

/** SparseTensorProto; its values carry the initializer's name. */
export interface SparseTensorMessage extends Message {
  readonly values: TensorMessage | null;
  readonly dims: readonly number[];
}

/** AttributeProto; integers are exact up to 2^53. */
export interface AttributeMessage extends Message {
  readonly name: string;
  readonly i: number | null;
  readonly f: number | null;
  readonly s: Range | null;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
  readonly strings: readonly string[];
  readonly t: TensorMessage | null;
  readonly g: GraphMessage | null;
  readonly graphs: readonly GraphMessage[];
  readonly refAttrName: string;
}

/** NodeProto; an absent optional input is "". */
export interface NodeMessage extends Message {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeMessage[];
}

/** TensorShapeProto.Dimension: dim_value, or dim_param, or neither. */
export interface DimensionMessage extends Message {
  readonly value: number | null;
  readonly param: string;
}

/** ValueInfoProto; `tensor` is null where the type is no tensor or not given. */
export interface ValueInfoMessage extends Message {
  readonly name: string;
  readonly type: TypeMessage | null;
}

interface TypeMessage extends Message {
  readonly tensor: TensorTypeMessage | null;
}

interface TensorTypeMessage extends Message {
  readonly elemType: number;
  readonly shape: ShapeMessage | null;
}

interface ShapeMessage extends Message {
  readonly dims: readonly DimensionMessage[];
}

/** GraphProto. */
export interface GraphMessage extends Message {
  readonly name: string;
  readonly nodes: readonly NodeMessage[];
  readonly initializers: readonly TensorMessage[];
  readonly sparseInitializers: readonly SparseTensorMessage[];
  readonly inputs: readonly ValueInfoMessage[];
  readonly outputs: readonly ValueInfoMessage[];
  readonly valueInfos: readonly ValueInfoMessage[];
}

/** OperatorSetIdProto. */
export interface OpsetMessage extends Message {
  readonly domain: string;
  readonly version: number;
}

/** StringStringEntryProto; the value may be long and is left where it lies. */
export interface EntryMessage extends Message {
  readonly key: string;
  readonly value: Range | null;
}

/** StringStringEntryProto of external_data: location, offset, length, checksum. */
export interface ExternalDataMessage extends Message {
  readonly key: string;
  readonly value: string;
}

/** FunctionProto. */
export interface FunctionMessage extends Message {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeMessage[];
  readonly opsets: readonly OpsetMessage[];
}

/** ModelProto. */
export interface ModelMessage extends Message {
  readonly irVersion: number;
  readonly producer: string;
  readonly graphs: readonly GraphMessage[];
  readonly opsets: readonly OpsetMessage[];
  readonly metadata: readonly EntryMessage[];
  readonly functions: readonly FunctionMessage[];
}

/** Field numbers of onnx.proto, for what is written. */
export const FIELD = {
  modelIrVersion: 1,
  modelGraph: 7,
  modelOpset: 8,
  modelMetadata: 14,
  modelFunction: 25,
  entryKey: 1,
  entryValue: 2,
  graphNode: 1,
  graphName: 2,
  graphInitializer: 5,
  graphInput: 11,
  graphOutput: 12,
  nodeInput: 1,
  nodeOutput: 2,
  nodeAttribute: 5,
  functionOutput: 5,
  tensorRaw: 9,
  tensorExternalData: 13,
  functionNode: 7,
} as const;

const entry: Schema<EntryMessage> = {
  key: text(FIELD.entryKey),
  value: place(FIELD.entryValue),
};
const externalEntry: Schema<ExternalDataMessage> = { key: text(1), value: text(2) };

/** TensorProto. */
export const tensorSchema: Schema<TensorMessage> = {
  name: text(8),
  dataType: integer(2),
  dims: integers(1),
  raw: place(9),
  externalData: messages(13, () => externalEntry),
  dataLocation: integer(14),
};

const sparseTensor: Schema<SparseTensorMessage> = {
  values: message(1, () => tensorSchema),
  dims: integers(3),
};

const attribute: Schema<AttributeMessage> = {
  name: text(1),
  i: optionalInteger(3),
  f: optionalFloat(2),
  s: place(4),
  ints: integers(8),
  floats: floats(7),
  strings: texts(9),
  t: message(5, () => tensorSchema),
  g: message(6, () => graph),
  graphs: messages(11, () => graph),
  refAttrName: text(21),
};

const node: Schema<NodeMessage> = {
  name: text(3),
  opType: text(4),
  domain: text(7),
  overload: text(8),
  inputs: texts(1),
  outputs: texts(2),
  attributes: messages(5, () => attribute),
};

const dimension: Schema<DimensionMessage> = { value: optionalInteger(1), param: text(2) };
const shape: Schema<ShapeMessage> = { dims: messages(1, () => dimension) };
const tensorType: Schema<TensorTypeMessage> = {
  elemType: integer(1),
  shape: message(2, () => shape),
};
const type: Schema<TypeMessage> = { tensor: message(1, () => tensorType) };
const valueInfo: Schema<ValueInfoMessage> = { name: text(1), type: message(2, () => type) };

const graph: Schema<GraphMessage> = {
  name: text(FIELD.graphName),
  nodes: messages(FIELD.graphNode, () => node),
  initializers: messages(FIELD.graphInitializer, () => tensorSchema),
  sparseInitializers: messages(15, () => sparseTensor),
  inputs: messages(FIELD.graphInput, () => valueInfo),
  outputs: messages(FIELD.graphOutput, () => valueInfo),
  valueInfos: messages(13, () => valueInfo),
};

const opset: Schema<OpsetMessage> = { domain: text(1), version: integer(2) };

const functionSchema: Schema<FunctionMessage> = {
  name: text(1),
  domain: text(10),
  overload: text(13),
  inputs: texts(4),
  outputs: texts(5),
  nodes: messages(FIELD.functionNode, () => node),
  opsets: messages(9, () => opset),
};

/** ModelProto; protobuf merges a graph that stands in several fields, so all are kept. */
export const modelSchema: Schema<ModelMessage> = {
  irVersion: integer(FIELD.modelIrVersion),
  producer: text(2),
  graphs: messages(FIELD.modelGraph, () => graph),
  opsets: messages(FIELD.modelOpset, () => opset),
  metadata: messages(FIELD.modelMetadata, () => entry),
  functions: messages(FIELD.modelFunction, () => functionSchema),
};
