import type { Ops } from "../../src/graph/ops.ts";
import { uniformWithin } from "../../src/graph/random.ts";
import { absolutes } from "../../src/graph/tensor.ts";
import { range } from "../../src/onnx/dtypes.ts";
import { type Options, positiveInteger } from "../../src/options.ts";
import type { Folded, Parameter, PartValues, SiteDescription, Stating } from "./variant.ts";

/** Options of the low-rank maps. */
export const lowRankOptions = {
  rank: {
    alias: "r",
    ...positiveInteger,
    default: 16,
    describe: "rank of the low-rank maps (x A) B of lr and pa, at most the feature size",
  },
  init: {
    type: "string",
    choices: ["xavier", "orthogonal"],
    default: "xavier",
    describe: "initialization of A in the low-rank maps (x A) B; B starts at zero",
  },
} as const satisfies Options;

type LowRankValues = PartValues<typeof lowRankOptions>;

type Form = "matmul" | "convolution" | "transposed";

/**
 * How a map of the feature axis is written: as two MatMuls on a last axis, or as two 1×1
 * convolutions on axis 1 of [N, C, …]. Any other axis is transposed to the last, and so is double,
 * for which onnxruntime has no convolution.
 */
function formOf({ feature, rank, dtype }: SiteDescription): Form {
  if (feature.axis === rank - 1) return "matmul";
  const convolves = dtype === "float" || dtype === "float16";
  return feature.axis === 1 && rank >= 3 && rank <= 5 && convolves ? "convolution" : "transposed";
}

/** Returns A (D×r, down, Xavier uniform or column-orthogonal) and B (r×D, up, zero) in the form's layout. */
export function lowRankParameters(
  place: SiteDescription,
  options: LowRankValues,
  label: string | number = "",
): { A: Parameter; B: Parameter } {
  const { size } = place.feature;
  const rank = Math.min(options.rank, size);
  const down = startOfA(place, options, rank, `A${label}`);
  const up = new Float64Array(rank * size);
  if (formOf(place) !== "convolution")
    return { A: { dims: [size, rank], start: down }, B: { dims: [rank, size], start: up } };
  const ones = new Array(place.rank - 2).fill(1);
  return {
    A: { dims: [rank, size, ...ones], start: transpose(down, size, rank) },
    B: { dims: [size, rank, ...ones], start: up },
  };
}

/** Whether a parameter's role, such as "lr.A" or "pa.B1", belongs to one of these maps. */
export const isMap = (role: string): boolean => /\.[AB]\d*$/.test(role);

/** Returns A: Xavier uniform U(±√(6 / (D + r))), or A_ij = 1/√(rD) if i mod r = j, otherwise 0. */
function startOfA(
  { name, feature: { size } }: SiteDescription,
  options: LowRankValues,
  rank: number,
  label: string,
) {
  const { init, seed } = options;
  const limit = Math.sqrt(6 / (size + rank));
  if (init === "xavier") return uniformWithin(limit, size * rank, seed, `${name}.${label}`);
  const start = new Float64Array(size * rank);
  for (let i = 0; i < size; i++) start[i * rank + (i % rank)] = 1 / Math.sqrt(rank * size);
  return start;
}

type Product<V> = (x: V, matrix: V) => V;

/** One x A B of a sum. */
interface Term<V> {
  readonly x: V;
  readonly A: V;
  readonly B: V;
}

/** How parts of low-rank maps are written, if not as nodes of their own. */
export interface LowRankWriting<V> {
  /** Concatenates the B's along their rows. */
  readonly stacked?: (ups: readonly V[], axis: number) => V;
  readonly down?: Product<V> | undefined;
  readonly up?: Product<V> | undefined;
}

/**
 * Writes Σ_j (x_j A_j) B_j. The narrow products are concatenated, or added if they share one B, so
 * that a single product makes the wide value.
 */
export function lowRank<V>(
  op: Ops<V>,
  terms: readonly Term<V>[],
  place: SiteDescription,
  { stacked = (ups, axis) => op.Concat(ups, { axis }), down, up }: LowRankWriting<V> = {},
): V {
  const form = formOf(place);
  const product = (x: V, w: V) => (form === "convolution" ? op.Conv(x, w) : op.MatMul(x, w));
  const { axis } = place.feature;
  const kept = range(place.rank).filter((k) => k !== axis);
  const perm = [...kept, axis];
  const last = (x: V) => (form === "transposed" ? op.Transpose(x, { perm }) : x);
  const narrow = terms.map(({ x, A }) => (down ?? product)(last(x), A));
  const ups = [...new Set(terms.map(({ B }) => B))];
  const [features, rows] = form === "convolution" ? [1, 1] : [place.rank - 1, 0];
  const [all, B] =
    ups.length === 1
      ? [narrow.reduce((sum, one) => op.Add(sum, one)), ups[0]]
      : [op.Concat(narrow, { axis: features }), stacked(ups, rows)];
  const wide = (up ?? product)(all, B);
  if (form !== "transposed") return wide;
  return op.Transpose(wide, { perm: perm.map((_, k) => perm.indexOf(k)) });
}

/** Computes (x A) B in float64; with `magnitude`, sums of absolute values. */
export function lowRankFormula(
  { parameters: { A, B }, place, magnitude }: Pick<Stating, "parameters" | "place" | "magnitude">,
  x: Folded,
): Float64Array {
  const isConvolution = formOf(place) === "convolution";
  if (!magnitude) return lowRankProduct({ A, B }, isConvolution, x);
  const sizes = { A: absolutes(A), B: absolutes(B) };
  return lowRankProduct(sizes, isConvolution, { ...x, data: absolutes(x.data) });
}

/** Computes (x A) B in float64, of [outer, D, inner]; A and B may be stored as 1×1 convolutions. */
export function lowRankProduct(
  stored: Readonly<Record<"A" | "B", Float64Array>>,
  isConvolution: boolean,
  { data, outer, size, inner }: Folded,
): Float64Array {
  const rank = stored.A.length / size;
  const A = isConvolution ? transpose(stored.A, rank, size) : stored.A;
  const B = isConvolution ? transpose(stored.B, size, rank) : stored.B;
  const result = new Float64Array(data.length);
  const narrow = new Float64Array(rank);
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const at = o * size * inner + n;
      narrow.fill(0);
      for (let i = 0; i < size; i++) {
        const x = data[at + i * inner];
        for (let j = 0; j < rank; j++) narrow[j] += x * A[i * rank + j];
      }
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let j = 0; j < rank; j++) sum += narrow[j] * B[j * size + i];
        result[at + i * inner] = sum;
      }
    }
  return result;
}

function transpose(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = matrix[i * columns + j];
  return result;
}
