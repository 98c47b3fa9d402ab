/** An element type of ONNX, with all facts that this package knows of it. */
interface DataType {
  /** TensorProto.DataType. */
  readonly number: number;
  /** The spelling in ONNX's type strings: "float", "float16", "int64". */
  readonly name: string;
  /** Bits an element takes in raw_data; 0 for strings. */
  readonly bits: number;
  /** The name in onnxruntime's JavaScript API; null if the API does not have the type. */
  readonly ort: string | null;
  /** The type that stands in when onnxruntime infers shapes; null if it reports this type. */
  readonly inferredAs: string | null;
  /** The array that views its raw data, floats of 16 bits as their bits; null for packed types and others that have none. */
  readonly array: TypedArray | null;
  /** Its code in NumPy's files, and its name in .safetensors; null if they do not have it. */
  readonly numpy: string | null;
  readonly safetensors: string | null;
  /** Set for a float type that LAuReL's weights can have. */
  readonly float: {
    /** Bits of the fraction, without the implicit leading bit. */
    readonly fraction: number;
    /** Exponent of the smallest normal number. */
    readonly least: number;
    /** The largest finite number. */
    readonly largest: number;
  } | null;
}

/** A typed array's constructor. */
export type TypedArray =
  | typeof Uint8Array
  | typeof Int8Array
  | typeof Uint16Array
  | typeof Int16Array
  | typeof Uint32Array
  | typeof Int32Array
  | typeof Float32Array
  | typeof Float64Array
  | typeof BigInt64Array
  | typeof BigUint64Array;

type Facts = Partial<Omit<DataType, "number" | "name" | "bits">>;

const NO_FACTS = { ort: null, inferredAs: null, array: null, numpy: null, safetensors: null };

const type = (number: number, name: string, bits: number, facts: Facts = {}): DataType =>
  Object.freeze({ number, name, bits, ...NO_FACTS, float: null, ...facts });

/** A type of numbers that onnxruntime's API, NumPy and .safetensors all have. */
const common = (array: TypedArray, ort: string, numpy: string, safetensors: string): Facts => ({
  array,
  ort,
  numpy,
  safetensors,
});

const FLOAT = { fraction: 23, least: -126, largest: 2 ** 128 - 2 ** 104 };
const HALF = { fraction: 10, least: -14, largest: 65504 };
const DOUBLE = { fraction: 52, least: -1022, largest: Number.MAX_VALUE };
const BFLOAT = { fraction: 7, least: -126, largest: 2 ** 128 - 2 ** 120 };
const byte = { inferredAs: "uint8" };

/** The types of TensorProto.DataType in onnx 1.23, in the order of their numbers. */
const types: readonly DataType[] = [
  type(1, "float", 32, { ...common(Float32Array, "float32", "f4", "F32"), float: FLOAT }),
  type(2, "uint8", 8, common(Uint8Array, "uint8", "u1", "U8")),
  type(3, "int8", 8, common(Int8Array, "int8", "i1", "I8")),
  type(4, "uint16", 16, common(Uint16Array, "uint16", "u2", "U16")),
  type(5, "int16", 16, common(Int16Array, "int16", "i2", "I16")),
  type(6, "int32", 32, common(Int32Array, "int32", "i4", "I32")),
  type(7, "int64", 64, common(BigInt64Array, "int64", "i8", "I64")),
  type(8, "string", 0, { ort: "string" }),
  type(9, "bool", 8, common(Uint8Array, "bool", "b1", "BOOL")),
  type(10, "float16", 16, { ...common(Uint16Array, "float16", "f2", "F16"), float: HALF }),
  type(11, "double", 64, { ...common(Float64Array, "float64", "f8", "F64"), float: DOUBLE }),
  type(12, "uint32", 32, common(Uint32Array, "uint32", "u4", "U32")),
  type(13, "uint64", 64, common(BigUint64Array, "uint64", "u8", "U64")),
  type(14, "complex64", 64),
  type(15, "complex128", 128),
  type(16, "bfloat16", 16, {
    array: Uint16Array,
    safetensors: "BF16",
    inferredAs: "float16",
    float: BFLOAT,
  }),
  type(17, "float8e4m3fn", 8, { ...byte, safetensors: "F8_E4M3" }),
  type(18, "float8e4m3fnuz", 8, byte),
  type(19, "float8e5m2", 8, { ...byte, safetensors: "F8_E5M2" }),
  type(20, "float8e5m2fnuz", 8, byte),
  type(21, "uint4", 4, { ...byte, ort: "uint4" }),
  type(22, "int4", 4, { ort: "int4", inferredAs: "int8" }),
  type(23, "float4e2m1", 4, byte),
  type(24, "float8e8m0", 8, byte),
  type(25, "uint2", 2, byte),
  type(26, "int2", 2, { inferredAs: "int8" }),
  type(27, "float6e2m3", 6, byte),
  type(28, "float6e3m2", 6, byte),
];

/** Returns the type with this TensorProto.DataType; null if this version does not know it. */
export const dataType = (number: number): DataType | null => types[number - 1] ?? null;

/** Returns the type with this name, in ONNX's or onnxruntime's spelling. */
export const dataTypeNamed = (name: string): DataType | null => byName.get(name) ?? null;

const byName = new Map(
  types.flatMap((each) => [
    [each.name, each],
    [each.ort ?? each.name, each],
  ]),
);

/** Returns the name of the type that another format's files call so; undefined if none is. */
export const namedBy = (format: "numpy" | "safetensors", name: string): string | undefined =>
  types.find((each) => each[format] === name)?.name;

/** A repeated field of a TensorProto: its number, and a value's bytes; null for other lengths. */
type ValuesField = readonly [number: number, width: number | null];

/** The fields of the types whose values are not in int32_data. */
const FIELDS: ReadonlyMap<string, ValuesField> = new Map([
  ["float", [4, 4]],
  ["complex64", [4, 4]],
  ["string", [6, null]],
  ["int64", [7, null]],
  ["double", [10, 8]],
  ["complex128", [10, 8]],
  ["uint32", [11, null]],
  ["uint64", [11, null]],
]);

/** Returns the field of a type's values. */
export const valuesField = (name: string): ValuesField => FIELDS.get(name) ?? [5, null];

/** Returns the number of elements of a shape; 1 for a scalar. */
export const elements = (dims: readonly number[]) => dims.reduce((n, dim) => n * dim, 1);

/** Returns 0, 1, … count − 1. */
export function range(count: number): number[] {
  const numbers: number[] = [];
  for (let k = 0; k < count; k++) numbers.push(k);
  return numbers;
}

/**
 * Calls `visit` for each index of a tensor in C order, with its place by the strides of the axes,
 * which may be those of another order or 0 for a repeated axis.
 */
export function forEachPlace(
  shape: readonly number[],
  strides: readonly number[],
  visit: (index: number, place: number) => void,
): void {
  const count = elements(shape);
  const at = new Array<number>(shape.length).fill(0);
  for (let [index, place] = [0, 0]; index < count; index++) {
    visit(index, place);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++at[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
}

/** Returns the elements of an identity matrix of this many rows. */
export const identity = (size: number): number[] =>
  range(size * size).map((k) => (k % (size + 1) === 0 ? 1 : 0));

/** Returns the permutation that undoes another. */
export const inversePerm = (perm: readonly number[]): number[] =>
  perm.map((_, axis) => perm.indexOf(axis));

/** Returns the place of an axis, which counts from the end if it is negative. */
export const placeOfAxis = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** Returns the names that .safetensors gives its types. */
export const safetensorsNames = (): string[] =>
  types.flatMap(({ safetensors }) => safetensors ?? []);

/** Whether a type is a float of 16 bits. */
export const isHalf = (name: string): boolean => {
  const type = dataTypeNamed(name);
  return type?.bits === 16 && type.float !== null;
};

/** Returns the bits of an integer type; null for others. */
export const integerBits = (name: string): number | null =>
  /^u?int/.test(name) ? (dataTypeNamed(name)?.bits ?? null) : null;

/** Returns the lowest finite number of a type of floats or integers. */
export function lowestOf(name: string): number {
  const { float = null, bits = 0 } = dataTypeNamed(name) ?? {};
  if (float) return -float.largest;
  return name.startsWith("u") ? 0 : -(2 ** (bits - 1));
}

/** Whether a type is of whole numbers: integers or bool. */
export const isWhole = (name: string): boolean => name === "bool" || integerBits(name) !== null;

/** Returns the smallest and the largest number of a type of whole numbers; null for others. */
export function wholeRange(name: string): readonly [bigint, bigint] | null {
  if (name === "bool") return [0n, 1n];
  const bits = integerBits(name);
  if (bits === null) return null;
  const half = 2n ** BigInt(bits - 1);
  return name.startsWith("u") ? [0n, 2n * half - 1n] : [-half, half - 1n];
}

/** Whether LAuReL's weights can have this data type. */
export const isFloat = (dtype: string | undefined) =>
  dtype !== undefined && (dataTypeNamed(dtype)?.float ?? null) !== null;

/** Whether onnxruntime's JavaScript API has tensors of this data type. */
export const hasTensors = (dtype: string) => (dataTypeNamed(dtype)?.ort ?? null) !== null;

/** dim_value, dim_param, or "" for an unknown dimension. */
export type Dimension = number | string;

/** Formats a shape for people: [N, 64, ?]. */
export const showShape = (shape: readonly Dimension[] | null | undefined) =>
  shape ? `[${shape.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]` : "of unknown rank";

/** A value's type: `dtype` in ONNX's spelling, `shape` null if the rank is unknown. */
export interface Type {
  readonly dtype: string;
  readonly shape: readonly Dimension[] | null;
}

/** Whether two shapes can be the same: no fixed sizes differ. */
export const canBeSame = (x: readonly Dimension[], y: readonly Dimension[]): boolean =>
  x.length === y.length &&
  x.every((dim, k) => typeof dim !== "number" || typeof y[k] !== "number" || dim === y[k]);
