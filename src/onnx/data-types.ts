/** An element type of ONNX, with all facts that this package knows of it. */
export interface DataType {
  /** TensorProto.DataType. */
  readonly number: number;
  /** The spelling in ONNX's type strings: "float", "float16", "int64". */
  readonly name: string;
  /** Bits an element takes in raw_data; 0 for strings. */
  readonly bits: number;
  /** The name in onnxruntime's JavaScript API; null if the API does not have the type. */
  readonly ort: string | null;
  /**
   * The type that stands in when onnxruntime infers shapes; null for types that it reports itself.
   */
  readonly inferredAs: string | null;
  /** Set for a float type that LAuReL's weights can have. */
  readonly float: FloatForm | null;
}

/** The format of a binary floating-point type. */
export interface FloatForm {
  /** Bits of the fraction, without the implicit leading bit. */
  readonly fraction: number;
  /** Exponent of the smallest normal number. */
  readonly least: number;
  /** The largest finite number. */
  readonly largest: number;
}

const form = (fraction: number, least: number, largest: number): FloatForm => ({
  fraction,
  least,
  largest,
});

type Row = [
  number: number,
  name: string,
  bits: number,
  ort: string | null,
  inferredAs?: string | null,
  float?: FloatForm,
];

/** The types of TensorProto.DataType in onnx 1.23, in the order of their numbers. */
const rows: Row[] = [
  [1, "float", 32, "float32", null, form(23, -126, 2 ** 128 - 2 ** 104)],
  [2, "uint8", 8, "uint8"],
  [3, "int8", 8, "int8"],
  [4, "uint16", 16, "uint16"],
  [5, "int16", 16, "int16"],
  [6, "int32", 32, "int32"],
  [7, "int64", 64, "int64"],
  [8, "string", 0, "string"],
  [9, "bool", 8, "bool"],
  [10, "float16", 16, "float16", null, form(10, -14, 65504)],
  [11, "double", 64, "float64", null, form(52, -1022, Number.MAX_VALUE)],
  [12, "uint32", 32, "uint32"],
  [13, "uint64", 64, "uint64"],
  [14, "complex64", 64, null],
  [15, "complex128", 128, null],
  [16, "bfloat16", 16, null, "float16", form(7, -126, 2 ** 128 - 2 ** 120)],
  [17, "float8e4m3fn", 8, null, "uint8"],
  [18, "float8e4m3fnuz", 8, null, "uint8"],
  [19, "float8e5m2", 8, null, "uint8"],
  [20, "float8e5m2fnuz", 8, null, "uint8"],
  [21, "uint4", 4, "uint4", "uint8"],
  [22, "int4", 4, "int4", "int8"],
  [23, "float4e2m1", 4, null, "uint8"],
  [24, "float8e8m0", 8, null, "uint8"],
  [25, "uint2", 2, null, "uint8"],
  [26, "int2", 2, null, "int8"],
  [27, "float6e2m3", 6, null, "uint8"],
  [28, "float6e3m2", 6, null, "uint8"],
];

const types = rows.map(
  ([number, name, bits, ort, inferredAs = null, float = null]): DataType =>
    Object.freeze({ number, name, bits, ort, inferredAs, float }),
);

/** Returns the type with this TensorProto.DataType; null if this version does not know it. */
export const dataType = (number: number): DataType | null => types[number - 1] ?? null;

/** Returns the type with this name, in ONNX's or onnxruntime's spelling. */
export const dataTypeNamed = (name: string): DataType | null => byName.get(name) ?? null;

const byName = new Map(
  types.flatMap((type) => [
    [type.name, type],
    [type.ort ?? type.name, type],
  ]),
);

/** Returns the number of elements of a shape; 1 for a scalar. */
export const elements = (dims: readonly number[]) => dims.reduce((n, dim) => n * dim, 1);
