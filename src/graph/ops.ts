import type { Attributes, DenseAttribute, FloatAttribute, NewNode } from "../onnx/new-node.ts";
import { ARITY } from "./arity.ts";
import type { Convolving, Pooling, Reducing } from "./families.ts";

type Ints = readonly number[];
/** An optional input: null or left out if it is absent. */
type Maybe<V> = V | null;

/**
 * The operators that passes write, with ONNX's names and spelling, from opset 7 on, grouped by
 * family. With V = a value's name, a call builds nodes; other implementations evaluate or print. A
 * variadic operator takes a list of inputs. One with several outputs takes their number as its last
 * argument and returns a list. Forms that changed between opsets: portable.ts selects the right one.
 */
export interface Ops<V> {
  // elementwise, with numpy's broadcasting
  Abs(x: V): V;
  Add(a: V, b: V): V;
  And(a: V, b: V): V;
  Cast(x: V, attributes: { to: number }): V;
  Ceil(x: V): V;
  Clip(x: V, min?: Maybe<V>, max?: Maybe<V>, a?: { min?: FloatAttribute; max?: FloatAttribute }): V;
  Cos(x: V): V;
  Div(a: V, b: V): V;
  Elu(x: V, attributes?: { alpha?: FloatAttribute }): V;
  Equal(a: V, b: V): V;
  Erf(x: V): V;
  Exp(x: V): V;
  Floor(x: V): V;
  Greater(a: V, b: V): V;
  HardSigmoid(x: V, attributes?: { alpha?: FloatAttribute; beta?: FloatAttribute }): V;
  Identity(x: V): V;
  IsNaN(x: V): V;
  LeakyRelu(x: V, attributes?: { alpha?: FloatAttribute }): V;
  Less(a: V, b: V): V;
  Log(x: V): V;
  Max(all: readonly V[]): V;
  Min(all: readonly V[]): V;
  Mod(a: V, b: V, attributes?: { fmod?: number }): V;
  Mul(a: V, b: V): V;
  Neg(x: V): V;
  Not(x: V): V;
  Or(a: V, b: V): V;
  Pow(x: V, y: V): V;
  Reciprocal(x: V): V;
  Relu(x: V): V;
  Round(x: V): V;
  Selu(x: V, attributes?: { alpha?: FloatAttribute; gamma?: FloatAttribute }): V;
  Sigmoid(x: V): V;
  Sign(x: V): V;
  Sin(x: V): V;
  Softplus(x: V): V;
  Softsign(x: V): V;
  Sqrt(x: V): V;
  Sub(a: V, b: V): V;
  Sum(all: readonly V[]): V;
  Tanh(x: V): V;
  ThresholdedRelu(x: V, attributes?: { alpha?: FloatAttribute }): V;
  Where(condition: V, x: V, y: V): V;

  // quantized integers, from opset 10
  DequantizeLinear(x: V, scale: V, zero?: Maybe<V>, attributes?: { axis: number }): V;
  DynamicQuantizeLinear(x: V, attributes: Attributes, outputs: number): V[];
  QuantizeLinear(x: V, scale: V, zero?: Maybe<V>, attributes?: { axis: number }): V;

  // products and convolutions
  /** x: [N, C, …], w: [M, C / group, …]. */
  Conv(x: V, w: V, b?: Maybe<V>, attributes?: Convolving): V;
  /** x: [N, C, …], w: [C, M / group, …]. */
  ConvTranspose(
    x: V,
    w: V,
    b?: Maybe<V>,
    attributes?: Convolving & { output_padding?: Ints; output_shape?: Ints },
  ): V;
  Einsum(all: readonly V[], attributes: { equation: string }): V;
  Gemm(
    a: V,
    b: V,
    c?: Maybe<V>,
    attributes?: {
      alpha?: FloatAttribute;
      beta?: FloatAttribute;
      transA?: number;
      transB?: number;
    },
  ): V;
  /** Matrix product over the last two axes, with numpy's broadcasting over the others. */
  MatMul(a: V, b: V): V;

  // normalization and pooling
  AveragePool(x: V, attributes: Pooling & { count_include_pad?: number }): V;
  /** For inference: x, scale, b, mean, variance. */
  BatchNormalization(x: V, s: V, b: V, m: V, v: V, attributes: { epsilon: FloatAttribute }): V;
  GlobalAveragePool(x: V): V;
  /** Y, Mean, InvStdDev. From opset 17. */
  LayerNormalization(
    x: V,
    scale: V,
    b: Maybe<V>,
    attributes: { axis?: number; epsilon?: FloatAttribute; stash_type?: number },
    outputs: number,
  ): V[];
  LogSoftmax(x: V, attributes: { axis: number }): V;
  /** Y, Indices. */
  MaxPool(x: V, attributes: Pooling, outputs: number): V[];
  /** Zeros of a shape, with the values of x at the indices that a MaxPool gives. */
  MaxUnpool(x: V, indices: V, shape: V, attributes: Pooling): V;
  /** The axis is required, because its default changed in opset 13. */
  Softmax(x: V, attributes: { axis: number }): V;

  // reductions
  ArgMax(x: V, attributes: { axis: number; keepdims?: number }): V;
  CumSum(x: V, axis: V, attributes?: { exclusive?: number; reverse?: number }): V;
  ReduceL2(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceLogSumExp(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceMax(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceMean(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceMin(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceProd(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceSum(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  ReduceSumSquare(x: V, axes?: Maybe<V>, attributes?: Reducing): V;
  /** Values, Indices. */
  TopK(
    x: V,
    k: V,
    attributes: { axis?: number; largest?: number; sorted?: number },
    outputs: number,
  ): V[];

  // shapes, positions and order
  Concat(all: readonly V[], attributes: { axis: number }): V;
  ConstantOfShape(shape: V, attributes?: { value: DenseAttribute }): V;
  DepthToSpace(x: V, attributes: { blocksize: number; mode?: string }): V;
  Expand(x: V, shape: V): V;
  Flatten(x: V, attributes: { axis: number }): V;
  Gather(data: V, indices: V, attributes: { axis: number }): V;
  GatherElements(data: V, indices: V, attributes: { axis: number }): V;
  GatherND(data: V, indices: V, attributes?: { batch_dims?: number }): V;
  OneHot(indices: V, depth: V, values: V, attributes?: { axis?: number }): V;
  Pad(
    x: V,
    pads?: Maybe<V>,
    value?: Maybe<V>,
    axes?: Maybe<V>,
    attributes?: { mode?: string; pads?: Ints; value?: FloatAttribute },
  ): V;
  Range(start: V, limit: V, delta: V): V;
  Reshape(x: V, shape: V, attributes?: { allowzero?: number }): V;
  Resize(
    x: V,
    roi: Maybe<V>,
    scales: Maybe<V>,
    sizes: Maybe<V>,
    attributes: Attributes & { mode?: string; coordinate_transformation_mode?: string },
  ): V;
  /** From opset 10. */
  ReverseSequence(x: V, lengths: V, attributes: { batch_axis: number; time_axis: number }): V;
  /** ScatterElements before opset 11. */
  Scatter(data: V, indices: V, updates: V, attributes: { axis: number }): V;
  ScatterElements(
    data: V,
    indices: V,
    updates: V,
    attributes: { axis: number; reduction?: string },
  ): V;
  ScatterND(data: V, indices: V, updates: V, attributes?: { reduction?: string }): V;
  Shape(x: V): V;
  Size(x: V): V;
  Slice(
    x: V,
    starts?: Maybe<V>,
    ends?: Maybe<V>,
    axes?: Maybe<V>,
    steps?: Maybe<V>,
    attributes?: { starts: Ints; ends: Ints; axes: Ints },
  ): V;
  /** Before opset 10 only; Resize replaced it. */
  Upsample(x: V, scales: Maybe<V>, attributes: { mode?: string; scales?: FloatAttribute }): V;
  SpaceToDepth(x: V, attributes: { blocksize: number }): V;
  /** Returns one piece per output. */
  Split(
    x: V,
    sizes: Maybe<V>,
    attributes: { axis: number; split?: Ints; num_outputs?: number },
    outputs: number,
  ): V[];
  Squeeze(x: V, axes?: Maybe<V>, attributes?: { axes: Ints }): V;
  Tile(x: V, repeats: V): V;
  Transpose(x: V, attributes: { perm: Ints }): V;
  Trilu(x: V, k?: Maybe<V>, attributes?: { upper: number }): V;
  Unsqueeze(x: V, axes?: Maybe<V>, attributes?: { axes: Ints }): V;
}

/** What a call of an operator produces. */
interface Call<V> {
  readonly op: keyof Ops<V>;
  /** The inputs; null for an absent optional one. Trailing absent ones are omitted. */
  readonly inputs: readonly (V | null)[];
  readonly attributes: Attributes;
  /** Number of outputs. */
  readonly outputs: number;
}

/** Takes a call and returns its outputs. */
export type Emit<V> = (call: Call<V>) => readonly V[];

/** Returns the node for a call over names; the node is named `label`, and so are its outputs. */
export function nodeOf(
  { op, inputs, attributes, outputs }: Omit<Call<string>, "op"> & { readonly op: string },
  fresh: (name: string) => string,
  label: string,
): NewNode {
  const first = fresh(label);
  const others = Array.from({ length: outputs - 1 }, (_, k) => fresh(`${label}:${k + 1}`));
  return {
    name: first,
    op,
    inputs: inputs.map((name) => name ?? ""),
    outputs: others.length > 0 ? [first, ...others] : [first],
    attributes,
  };
}

const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** One method per operator, created once: passes create a vocabulary for every insertion point. */
const vocabulary = Object.fromEntries(
  Object.entries(ARITY satisfies Record<keyof Ops<unknown>, number>).map(([op, arity]) => [
    op,
    function (this: { readonly emit: Emit<unknown> }, ...given: unknown[]) {
      const count = Math.abs(arity);
      const inputs: unknown[] = [];
      for (const input of given.slice(0, count))
        if (Array.isArray(input)) inputs.push(...input);
        else inputs.push(input ?? null);
      while (inputs.length > 0 && inputs.at(-1) === null) inputs.pop();
      const attributes = (given[count] ?? NO_ATTRIBUTES) as Attributes;
      const several = arity < 0;
      const outputs = several ? (given[count + 1] as number) : 1;
      const made = this.emit({ op: op as keyof Ops<unknown>, inputs, attributes, outputs });
      return several ? made : made[0];
    },
  ]),
);

/** Returns the vocabulary over a function that handles every call. */
export const opsOver = <V>(emit: Emit<V>): Ops<V> =>
  Object.assign(Object.create(vocabulary), { emit }) as Ops<V>;
