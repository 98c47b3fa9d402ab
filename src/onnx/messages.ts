import {
  choice,
  type Decoded,
  domainName,
  floats,
  integer,
  integer32,
  integers,
  message,
  messages,
  optionalFloat,
  optionalInteger,
  place,
  type SchemaOf,
  string,
  strings,
  undecoded,
} from "./decode.ts";

/** Field numbers of onnx.proto that are written. */
export const FIELD = {
  modelIrVersion: 1,
  modelGraph: 7,
  modelOpset: 8,
  modelMetadata: 14,
  modelFunction: 25,
  graphMetadata: 16,
  nodeMetadata: 9,
  infoMetadata: 4,
  entryKey: 1,
  entryValue: 2,
  graphNode: 1,
  graphName: 2,
  graphInitializer: 5,
  graphInput: 11,
  graphOutput: 12,
  graphValueInfo: 13,
  graphAnnotation: 14,
  graphSparse: 15,
  nodeInput: 1,
  nodeOutput: 2,
  nodeAttribute: 5,
  nodeDevices: 10,
  functionOutput: 5,
  tensorName: 8,
  tensorRaw: 9,
  tensorExternalData: 13,
  functionNode: 7,
} as const;

/** StringStringEntryProto; the value may be long and is not loaded. */
const entry = { key: string(FIELD.entryKey), value: place(FIELD.entryValue) };

/** StringStringEntryProto of external_data: location, offset, length, checksum. */
const externalEntry = { key: string(1), value: string(2) };

/** TensorProto; its values are not loaded. */
export interface TensorMessage extends Decoded<typeof tensorSchema> {}
export const tensorSchema = {
  name: string(FIELD.tensorName),
  /** TensorProto.DataType; newer types keep their number. */
  dataType: integer32(2),
  dims: integers(1),
  /** The byte range of raw_data. */
  raw: place(FIELD.tensorRaw),
  externalData: messages(FIELD.tensorExternalData, () => externalEntry),
  /** TensorProto.DataLocation: 0 is DEFAULT, 1 is EXTERNAL. */
  dataLocation: choice(14, [0, 1]),
};

/** SparseTensorProto; its values carry the initializer's name. */
export interface SparseTensorMessage extends Decoded<typeof sparseTensor> {}
const sparseTensor = {
  values: message(1, () => tensorSchema),
  indices: message(2, () => tensorSchema),
  dims: integers(3),
};

/** The parts of an AttributeProto that hold no graph; integers are exact up to 2^53. */
const attributeParts = {
  name: string(1),
  i: optionalInteger(3),
  f: optionalFloat(2),
  s: place(4),
  ints: integers(8),
  floats: floats(7),
  strings: strings(9),
  t: message(5, () => tensorSchema),
  tensors: messages(10, () => tensorSchema),
  sparseTensor: message(22, () => sparseTensor),
  sparseTensors: messages(23, () => sparseTensor),
  refAttrName: string(21),
};

/** AttributeProto. */
export interface AttributeMessage extends Decoded<typeof attributeParts> {
  readonly g: GraphMessage | null;
  readonly graphs: readonly GraphMessage[];
}
const attribute: SchemaOf<AttributeMessage> = {
  ...attributeParts,
  g: message(6, () => graph),
  graphs: messages(11, () => graph),
};

/** NodeProto; an optional input that is absent is "". */
export interface NodeMessage extends Decoded<typeof node> {}
const node = {
  name: string(3),
  opType: string(4),
  domain: domainName(7),
  overload: string(8),
  inputs: strings(FIELD.nodeInput),
  outputs: strings(FIELD.nodeOutput),
  attributes: messages(FIELD.nodeAttribute, () => attribute),
  /** NodeDeviceConfigurationProtos. */
  devices: undecoded(FIELD.nodeDevices),
};

/** TensorShapeProto.Dimension: dim_value, dim_param or neither. */
const dimension = { value: optionalInteger(1), param: string(2) };
const shape = { dims: messages(1, () => dimension) };
const tensorType = { elemType: integer32(1), shape: message(2, () => shape) };
const type = { tensor: message(1, () => tensorType) };

/** ValueInfoProto; `tensor` is null if the type is missing or not a tensor. */
export interface ValueInfoMessage extends Decoded<typeof valueInfo> {}
const valueInfo = { name: string(1), type: message(2, () => type) };

/** TensorAnnotation of quantization_annotation, with the name of its tensor. */
export interface AnnotationMessage extends Decoded<typeof annotation> {}
const annotation = { name: string(1) };

/** GraphProto. */
export interface GraphMessage extends Decoded<typeof graph> {}
const graph = {
  name: string(FIELD.graphName),
  nodes: messages(FIELD.graphNode, () => node),
  initializers: messages(FIELD.graphInitializer, () => tensorSchema),
  sparseInitializers: messages(FIELD.graphSparse, () => sparseTensor),
  inputs: messages(FIELD.graphInput, () => valueInfo),
  outputs: messages(FIELD.graphOutput, () => valueInfo),
  valueInfos: messages(FIELD.graphValueInfo, () => valueInfo),
  annotations: messages(FIELD.graphAnnotation, () => annotation),
};

/** OperatorSetIdProto. */
export interface OpsetMessage extends Decoded<typeof opset> {}
const opset = { domain: domainName(1), version: integer(2) };

/** FunctionProto. */
export interface FunctionMessage extends Decoded<typeof functionSchema> {}
const functionSchema = {
  name: string(1),
  domain: domainName(10),
  overload: string(13),
  inputs: strings(4),
  outputs: strings(FIELD.functionOutput),
  nodes: messages(FIELD.functionNode, () => node),
  opsets: messages(9, () => opset),
  /** Attributes with their default values. */
  defaults: messages(11, () => attribute),
};

/** TrainingInfoProto: graphs that onnxruntime does not run. */
const training = { initialization: message(1, () => graph), algorithm: message(2, () => graph) };

/** ModelProto; protobuf merges a graph that is split over several fields, so all are kept. */
export interface ModelMessage extends Decoded<typeof modelSchema> {}
export const modelSchema = {
  irVersion: integer(FIELD.modelIrVersion),
  producer: string(2),
  graphs: messages(FIELD.modelGraph, () => graph),
  opsets: messages(FIELD.modelOpset, () => opset),
  metadata: messages(FIELD.modelMetadata, () => entry),
  functions: messages(FIELD.modelFunction, () => functionSchema),
  training: messages(20, () => training),
};
