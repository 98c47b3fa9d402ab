import type { Attributes, FloatAttribute } from "../onnx/new-node.ts";
import { rows } from "./own.ts";

type Ints = readonly number[];

/** Attributes of the reductions; `axes` is one before it became an input. */
export interface Reducing {
  readonly axes?: Ints;
  readonly keepdims?: number;
  readonly noop_with_empty_axes?: number;
}

/** Attributes of the convolutions and poolings. */
interface Windows {
  readonly auto_pad?: string;
  readonly dilations?: Ints;
  readonly pads?: Ints;
  readonly strides?: Ints;
}

interface Convolving extends Windows {
  readonly group?: number;
  readonly kernel_shape?: Ints;
}

interface Pooling extends Windows {
  readonly ceil_mode?: number;
  readonly kernel_shape: Ints;
  readonly storage_order?: number;
}

/** Inputs of an operator: a value, one that may be absent (null or left out), a list of values. */
type X = "value";
type Maybe = "maybe";
type List = "list";

/** The arguments for the inputs of an operator, with values of a type. */
export type Arguments<Inputs, V> = {
  [K in keyof Inputs]: Inputs[K] extends List ? readonly V[] : Inputs[K] extends X ? V : V | null;
};

/** How an operator is called: with its inputs, then with its attributes and number of outputs. */
export interface Signature<Inputs, Others, Several> {
  /** The number of arguments that are inputs. */
  readonly count: number;
  /** Whether it returns a list of outputs. */
  readonly several: Several;
  readonly types?: readonly [Inputs, Others];
}

type Count<Inputs extends readonly unknown[]> = Required<Inputs>["length"];

const one = <I extends readonly unknown[], O extends readonly unknown[] = []>(
  count: Count<I>,
): Signature<I, O, false> => ({ count, several: false });

const several = <I extends readonly unknown[], O extends readonly unknown[]>(
  count: Count<I>,
): Signature<I, [...O, outputs: number], true> => ({ count, several: true });

const unary = one<[x: X]>(1);
const binary = one<[a: X, b: X]>(2);
const variadic = one<[all: List]>(1);
const activation = one<[x: X], [attributes?: { alpha?: FloatAttribute }]>(1);
const reduction = one<[x: X, axes?: Maybe], [attributes?: Reducing]>(2);

/**
 * The operators that passes write, with ONNX's names and spelling, from opset 7 on, grouped by
 * family. Forms that changed between opsets: portable.ts selects the right one.
 */
export const OPERATORS = {
  ...rows(unary, "Abs Ceil Cos Erf Exp Floor GlobalAveragePool Identity IsNaN Log Neg Not"),
  ...rows(unary, "Reciprocal Relu Round Shape Sigmoid Sign Sin Size Softplus Softsign Sqrt Tanh"),
  ...rows(binary, "Add And Div Equal Greater Less Mul Or Pow Sub"),
  ...rows(variadic, "Max Min Sum"),
  ...rows(activation, "Elu LeakyRelu ThresholdedRelu"),
  ...rows(reduction, "ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd"),
  ...rows(reduction, "ReduceSum ReduceSumSquare"),

  // elementwise, with numpy's broadcasting
  Cast: one<[x: X], [attributes: { to: number }]>(1),
  Clip: one<[x: X, min?: Maybe, max?: Maybe], [a?: { min?: FloatAttribute; max?: FloatAttribute }]>(
    3,
  ),
  HardSigmoid: one<[x: X], [attributes?: { alpha?: FloatAttribute; beta?: FloatAttribute }]>(1),
  Mod: one<[a: X, b: X], [attributes?: { fmod?: number }]>(2),
  Selu: one<[x: X], [attributes?: { alpha?: FloatAttribute; gamma?: FloatAttribute }]>(1),
  Where: one<[condition: X, x: X, y: X]>(3),

  // quantized integers, from opset 10
  DequantizeLinear: one<[x: X, scale: X, zero?: Maybe], [attributes?: { axis: number }]>(3),
  DynamicQuantizeLinear: several<[x: X], [attributes: Attributes]>(1),
  QuantizeLinear: one<[x: X, scale: X, zero?: Maybe], [attributes?: { axis: number }]>(3),

  // products and convolutions
  /** x: [N, C, …], w: [M, C / group, …]. */
  Conv: one<[x: X, w: X, b?: Maybe], [attributes?: Convolving]>(3),
  /** x: [N, C, …], w: [C, M / group, …]. */
  ConvTranspose: one<
    [x: X, w: X, b?: Maybe],
    [attributes?: Convolving & { output_padding?: Ints; output_shape?: Ints }]
  >(3),
  Einsum: one<[all: List], [attributes: { equation: string }]>(1),
  Gemm: one<
    [a: X, b: X, c?: Maybe],
    [
      attributes?: { [K in "alpha" | "beta"]?: FloatAttribute } & {
        transA?: number;
        transB?: number;
      },
    ]
  >(3),
  /** Matrix product over the last two axes, with numpy's broadcasting over the others. */
  MatMul: binary,

  // normalization and pooling
  AveragePool: one<[x: X], [attributes: Pooling & { count_include_pad?: number }]>(1),
  /** For inference: x, scale, b, mean, variance. */
  BatchNormalization: one<
    [x: X, s: X, b: X, m: X, v: X],
    [attributes: { epsilon: FloatAttribute }]
  >(5),
  /** Y, Mean, InvStdDev. From opset 17. */
  LayerNormalization: several<
    [x: X, scale: X, b: Maybe],
    [attributes: { axis?: number; epsilon?: FloatAttribute; stash_type?: number }]
  >(3),
  LogSoftmax: one<[x: X], [attributes: { axis: number }]>(1),
  /** Y, Indices. */
  MaxPool: several<[x: X], [attributes: Pooling]>(1),
  /** Zeros of a shape, with the values of x at the indices that a MaxPool gives. */
  MaxUnpool: one<[x: X, indices: X, shape: X], [attributes: Pooling]>(3),
  /** The axis is required, because its default changed in opset 13. */
  Softmax: one<[x: X], [attributes: { axis: number }]>(1),

  // reductions
  ArgMax: one<[x: X], [attributes: { axis: number; keepdims?: number }]>(1),
  CumSum: one<[x: X, axis: X], [attributes?: { exclusive?: number; reverse?: number }]>(2),
  /** Values, Indices. */
  TopK: several<[x: X, k: X], [attributes: { axis?: number; largest?: number; sorted?: number }]>(
    2,
  ),

  // shapes, positions and order
  Concat: one<[all: List], [attributes: { axis: number }]>(1),
  DepthToSpace: one<[x: X], [attributes: { blocksize: number; mode?: string }]>(1),
  Expand: one<[x: X, shape: X]>(2),
  Flatten: one<[x: X], [attributes: { axis: number }]>(1),
  Gather: one<[data: X, indices: X], [attributes: { axis: number }]>(2),
  GatherElements: one<[data: X, indices: X], [attributes: { axis: number }]>(2),
  GatherND: one<[data: X, indices: X], [attributes?: { batch_dims?: number }]>(2),
  /** From opset 16. */
  GridSample: one<
    [x: X, grid: X],
    [attributes: { align_corners: number; mode?: string; padding_mode: string }]
  >(2),
  OneHot: one<[indices: X, depth: X, values: X], [attributes?: { axis?: number }]>(3),
  Pad: one<
    [x: X, pads?: Maybe, value?: Maybe, axes?: Maybe],
    [attributes?: { mode?: string; pads?: Ints; value?: FloatAttribute }]
  >(4),
  Range: one<[start: X, limit: X, delta: X]>(3),
  Reshape: one<[x: X, shape: X], [attributes?: { allowzero?: number }]>(2),
  Resize: one<
    [x: X, roi: Maybe, scales: Maybe, sizes: Maybe],
    [attributes: Attributes & { mode?: string; coordinate_transformation_mode?: string }]
  >(4),
  /** From opset 10. */
  ReverseSequence: one<[x: X, lengths: X], [attributes: { batch_axis: number; time_axis: number }]>(
    2,
  ),
  /** ScatterElements before opset 11. */
  Scatter: one<[data: X, indices: X, updates: X], [attributes: { axis: number }]>(3),
  ScatterElements: one<
    [data: X, indices: X, updates: X],
    [attributes: { axis: number; reduction?: string }]
  >(3),
  ScatterND: one<[data: X, indices: X, updates: X], [attributes?: { reduction?: string }]>(3),
  Slice: one<
    [x: X, starts?: Maybe, ends?: Maybe, axes?: Maybe, steps?: Maybe],
    [attributes?: { starts: Ints; ends: Ints; axes: Ints }]
  >(5),
  /** Before opset 10 only; Resize replaced it. */
  Upsample: one<[x: X, scales: Maybe], [attributes: { mode?: string; scales?: FloatAttribute }]>(2),
  SpaceToDepth: one<[x: X], [attributes: { blocksize: number }]>(1),
  /** Returns one piece per output. */
  Split: several<
    [x: X, sizes: Maybe],
    [attributes: { axis: number; split?: Ints; num_outputs?: number }]
  >(2),
  Squeeze: one<[x: X, axes?: Maybe], [attributes?: { axes: Ints }]>(2),
  Tile: one<[x: X, repeats: X]>(2),
  Transpose: one<[x: X], [attributes: { perm: Ints }]>(1),
  Trilu: one<[x: X, k?: Maybe], [attributes?: { upper: number }]>(2),
  Unsqueeze: one<[x: X, axes?: Maybe], [attributes?: { axes: Ints }]>(2),
};
