import {
  choice,
  floats,
  integer,
  integer32,
  integers,
  message,
  messages,
  optionalFloat,
  optionalInteger,
  place,
  type Schema,
  string,
  strings,
  undecoded,
} from "./decode.ts";
import {
  type AnnotationMessage,
  type AttributeMessage,
  type DimensionMessage,
  type EntryMessage,
  type ExternalDataMessage,
  FIELD,
  type FunctionMessage,
  type GraphMessage,
  type ModelMessage,
  type NodeMessage,
  type OpsetMessage,
  type ShapeMessage,
  type SparseTensorMessage,
  type TensorMessage,
  type TensorTypeMessage,
  type TrainingMessage,
  type TypeMessage,
  type ValueInfoMessage,
} from "./messages.ts";

const entry: Schema<EntryMessage> = {
  key: string(FIELD.entryKey),
  value: place(FIELD.entryValue),
};
const externalEntry: Schema<ExternalDataMessage> = { key: string(1), value: string(2) };

/** TensorProto. */
export const tensorSchema: Schema<TensorMessage> = {
  name: string(8),
  dataType: integer32(2),
  dims: integers(1),
  raw: place(9),
  externalData: messages(13, () => externalEntry),
  dataLocation: choice(14, [0, 1]),
};

const sparseTensor: Schema<SparseTensorMessage> = {
  values: message(1, () => tensorSchema),
  indices: message(2, () => tensorSchema),
  dims: integers(3),
};

const attribute: Schema<AttributeMessage> = {
  name: string(1),
  i: optionalInteger(3),
  f: optionalFloat(2),
  s: place(4),
  ints: integers(8),
  floats: floats(7),
  strings: strings(9),
  t: message(5, () => tensorSchema),
  g: message(6, () => graph),
  graphs: messages(11, () => graph),
  tensors: messages(10, () => tensorSchema),
  sparseTensor: message(22, () => sparseTensor),
  sparseTensors: messages(23, () => sparseTensor),
  refAttrName: string(21),
};

const node: Schema<NodeMessage> = {
  name: string(3),
  opType: string(4),
  domain: string(7),
  overload: string(8),
  inputs: strings(1),
  outputs: strings(2),
  attributes: messages(5, () => attribute),
  devices: undecoded(FIELD.nodeDevices),
};

const dimension: Schema<DimensionMessage> = { value: optionalInteger(1), param: string(2) };
const shape: Schema<ShapeMessage> = { dims: messages(1, () => dimension) };
const tensorType: Schema<TensorTypeMessage> = {
  elemType: integer32(1),
  shape: message(2, () => shape),
};
const type: Schema<TypeMessage> = { tensor: message(1, () => tensorType) };
const valueInfo: Schema<ValueInfoMessage> = { name: string(1), type: message(2, () => type) };

const annotation: Schema<AnnotationMessage> = { name: string(1) };

const graph: Schema<GraphMessage> = {
  name: string(FIELD.graphName),
  nodes: messages(FIELD.graphNode, () => node),
  initializers: messages(FIELD.graphInitializer, () => tensorSchema),
  sparseInitializers: messages(15, () => sparseTensor),
  inputs: messages(FIELD.graphInput, () => valueInfo),
  outputs: messages(FIELD.graphOutput, () => valueInfo),
  valueInfos: messages(13, () => valueInfo),
  annotations: messages(FIELD.graphAnnotation, () => annotation),
};

const opset: Schema<OpsetMessage> = { domain: string(1), version: integer(2) };

const functionSchema: Schema<FunctionMessage> = {
  name: string(1),
  domain: string(10),
  overload: string(13),
  inputs: strings(4),
  outputs: strings(5),
  nodes: messages(FIELD.functionNode, () => node),
  opsets: messages(9, () => opset),
  defaults: messages(11, () => attribute),
};

const training: Schema<TrainingMessage> = {
  initialization: message(1, () => graph),
  algorithm: message(2, () => graph),
};

/** ModelProto; protobuf merges a graph that is split over several fields, so all are kept. */
export const modelSchema: Schema<ModelMessage> = {
  irVersion: integer(FIELD.modelIrVersion),
  producer: string(2),
  graphs: messages(FIELD.modelGraph, () => graph),
  opsets: messages(FIELD.modelOpset, () => opset),
  metadata: messages(FIELD.modelMetadata, () => entry),
  functions: messages(FIELD.modelFunction, () => functionSchema),
  training: messages(20, () => training),
};
