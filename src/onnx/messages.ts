import type { Frame } from "./decode.ts";
import type { Range } from "./source.ts";
import type { Field } from "./wire.ts";

interface Message {
  readonly frame: Frame;
}

/** TensorProto; its values are not loaded. */
export interface TensorMessage extends Message {
  readonly name: string;
  /** TensorProto.DataType; newer types keep their number. */
  readonly dataType: number;
  readonly dims: readonly number[];
  /** The byte range of raw_data. */
  readonly raw: Range | null;
  readonly externalData: readonly ExternalDataMessage[];
  /** TensorProto.DataLocation: 0 is DEFAULT, 1 is EXTERNAL. */
  readonly dataLocation: number;
}

/** SparseTensorProto; its values carry the initializer's name. */
export interface SparseTensorMessage extends Message {
  readonly values: TensorMessage | null;
  readonly indices: TensorMessage | null;
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
  readonly tensors: readonly TensorMessage[];
  readonly sparseTensor: SparseTensorMessage | null;
  readonly sparseTensors: readonly SparseTensorMessage[];
  readonly refAttrName: string;
}

/** NodeProto; an optional input that is absent is "". */
export interface NodeMessage extends Message {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeMessage[];
  /** NodeDeviceConfigurationProtos. */
  readonly devices: readonly Field[];
}

/** TensorShapeProto.Dimension: dim_value, dim_param or neither. */
export interface DimensionMessage extends Message {
  readonly value: number | null;
  readonly param: string;
}

/** ValueInfoProto; `tensor` is null if the type is missing or not a tensor. */
export interface ValueInfoMessage extends Message {
  readonly name: string;
  readonly type: TypeMessage | null;
}

export interface TypeMessage extends Message {
  readonly tensor: TensorTypeMessage | null;
}

export interface TensorTypeMessage extends Message {
  readonly elemType: number;
  readonly shape: ShapeMessage | null;
}

export interface ShapeMessage extends Message {
  readonly dims: readonly DimensionMessage[];
}

/** TensorAnnotation of quantization_annotation, with the name of its tensor. */
export interface AnnotationMessage extends Message {
  readonly name: string;
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
  readonly annotations: readonly AnnotationMessage[];
}

/** OperatorSetIdProto. */
export interface OpsetMessage extends Message {
  readonly domain: string;
  readonly version: number;
}

/** StringStringEntryProto; the value may be long and is not loaded. */
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
  /** Attributes with their default values. */
  readonly defaults: readonly AttributeMessage[];
}

/** TrainingInfoProto: graphs that onnxruntime does not run. */
export interface TrainingMessage extends Message {
  readonly initialization: GraphMessage | null;
  readonly algorithm: GraphMessage | null;
}

/** ModelProto. */
export interface ModelMessage extends Message {
  readonly irVersion: number;
  readonly producer: string;
  readonly graphs: readonly GraphMessage[];
  readonly opsets: readonly OpsetMessage[];
  readonly metadata: readonly EntryMessage[];
  readonly functions: readonly FunctionMessage[];
  readonly training: readonly TrainingMessage[];
}

/** Field numbers of onnx.proto that are written. */
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
  graphAnnotation: 14,
  nodeInput: 1,
  nodeOutput: 2,
  nodeAttribute: 5,
  nodeDevices: 10,
  functionOutput: 5,
  tensorRaw: 9,
  tensorExternalData: 13,
  functionNode: 7,
} as const;
