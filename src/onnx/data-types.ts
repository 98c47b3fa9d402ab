/** An element type: ONNX's spelling, bits an element, and what onnxruntime's JavaScript calls it. */
export interface DataType {
  /** TensorProto.DataType. */
  readonly number: number;
  /** As ONNX's type strings spell it: "float", "float16", "int64". */
  readonly name: string;
  /** Bits an element takes in raw_data; 0 for strings. */
  readonly bits: number;
  /** onnxruntime's name, where its JavaScript API has the type. */
  readonly ort: string | null;
}

const rows: [number, string, number, string | null][] = [
  [1, "float", 32, "float32"],
  [2, "uint8", 8, "uint8"],
  [3, "int8", 8, "int8"],
  [4, "uint16", 16, "uint16"],
  [5, "int16", 16, "int16"],
  [6, "int32", 32, "int32"],
  [7, "int64", 64, "int64"],
  [8, "string", 0, "string"],
  [9, "bool", 8, "bool"],
  [10, "float16", 16, "float16"],
  [11, "double", 64, "float64"],
  [12, "uint32", 32, "uint32"],
  [13, "uint64", 64, "uint64"],
  [14, "complex64", 64, null],
  [15, "complex128", 128, null],
  [16, "bfloat16", 16, null],
  [17, "float8e4m3fn", 8, null],
  [18, "float8e4m3fnuz", 8, null],
  [19, "float8e5m2", 8, null],
  [20, "float8e5m2fnuz", 8, null],
  [21, "uint4", 4, "uint4"],
  [22, "int4", 4, "int4"],
  [23, "float4e2m1", 4, null],
  [24, "float8e8m0", 8, null],
  [25, "uint2", 2, null],
  [26, "int2", 2, null],
];

const types = rows.map(([number, name, bits, ort]): DataType => ({ number, name, bits, ort }));

/** The type with this TensorProto.DataType; null for one this version does not know. */
export const dataType = (number: number): DataType | null => types[number - 1] ?? null;

/** The type with this name, ONNX's or onnxruntime's. */
export const dataTypeNamed = (name: string): DataType | null =>
  types.find((type) => type.name === name || type.ort === name) ?? null;

/** Elements of a shape; 1 for a scalar. */
export const elements = (dims: readonly number[]) => dims.reduce((n, dim) => n * dim, 1);
