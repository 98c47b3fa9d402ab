import { elements, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { broadcast, sumTo } from "./broadcasting.ts";
import { einsum } from "./einsum.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Rows up to which a determinant is differentiated: it has n² cofactors of (n − 1)² elements. */
const MOST_ROWS = 32;

/** Matrix products. */
export const products = {
  // g times the cofactors: the determinants of what remains without a row and a column.
  Det: (at, x) => {
    const { op, write, node, g, shape, constant, dtype } = at;
    const [batch, n] = [shape(0).slice(0, -2), shape(0).at(-1)!];
    const scale = write.reshape(g, [...batch, 1, 1]);
    if (n === 1) return [scale];
    if (n > MOST_ROWS) return at.refuse(`its matrices have more than ${MOST_ROWS} rows`);
    const places = range(n * n).flatMap((left) =>
      range(n * n).filter((k) => k % n !== left % n && Math.floor(k / n) !== Math.floor(left / n)),
    );
    const flat = write.reshape(x, [...batch, n * n]);
    const rest = op.Gather(flat, constant("int64", [n, n, n - 1, n - 1], places), {
      axis: batch.length,
    });
    const signs = range(n * n).map((k) => (((k % n) + Math.floor(k / n)) % 2 ? -1 : 1));
    const cofactors = op.Mul(node("Det", [rest])[0], constant(dtype, [n, n], signs));
    return [op.Mul(cofactors, scale)];
  },
  Einsum: einsum,
  Gemm: gemm,
  MatMul: matmul,
  // −Y′ G Y′
  "com.microsoft.Inverse": (at) => {
    const { op, g, y, shape } = at;
    const turned = swapped(at, y, shape(0).length);
    return [op.Neg(op.MatMul(op.MatMul(turned, g), turned))];
  },
} satisfies VjpTable;

/** Transposes the matrices of a value of this rank. */
const swapped = ({ op }: GradientNode, x: string, rank: number) =>
  op.Transpose(x, { perm: [...range(rank - 2), rank - 1, rank - 2] });

/** Y = α A′ B′ + β C, with A′ and B′ transposed if requested. */
function gemm(at: GradientNode, a: string, b: string) {
  const { op, g, scalar, int, write, inputs, opset } = at;
  const [transA, transB] = [int("transA", 0), int("transB", 0)];
  const alpha = float(at.float("alpha", 1));
  const c = opset < 11 ? scalar(0) : null;
  const times = (x: string, y: string, left: number, right: number) =>
    op.Gemm(x, y, c, { alpha, transA: left, transB: right });
  const beta = at.float("beta", 1);
  const scaled = beta === 1 ? g : op.Mul(g, scalar(beta));
  return [
    transA ? times(b, g, transB, 1) : times(g, b, 0, 1 - transB),
    transB ? times(g, a, 1, transA) : times(a, g, 1 - transA, 0),
    inputs[2] ? sumTo(write, scaled, at.outShape(0), at.shape(2)) : null,
  ];
}

/** Y = A B: G Bᵀ and Aᵀ G, over numpy's batches. */
function matmul(at: GradientNode, a: string, b: string) {
  const { op, write, g, shape, needs } = at;
  const [left, right] = [shape(0), shape(1)];
  // A vector is a row on the left and a column on the right.
  const [m, k] = [left.at(-2) ?? 1, left.at(-1)!];
  const n = right.length === 1 ? 1 : right.at(-1)!;
  const [before, beside] = [left.slice(0, -2), right.slice(0, -2)];
  const batch = broadcast(before, beside);
  const vectors = left.length === 1 || right.length === 1;
  const as = (x: string, dims: readonly number[]) => (vectors ? write.reshape(x, dims) : x);
  const [A, B] = [as(a, [...before, m, k]), as(b, [...beside, k, n])];
  const G = as(g, [...batch, m, n]);
  const matrix = (x: string, columns: number, rank: number) =>
    rank === 2 ? x : write.reshape(x, [-1, columns]);
  const rank = (dims: readonly number[]) => dims.length + 2;
  const toA = () => {
    const gradient = op.MatMul(G, swapped(at, B, rank(beside)));
    return as(sumTo(write, gradient, [...batch, m, k], [...before, m, k]), left);
  };
  const toB = () => {
    if (elements(beside) === 1 && elements(batch) === elements(before)) {
      const two = matrix(A, k, rank(before));
      const cotangent = matrix(G, n, rank(batch));
      // As the transpose of Gᵀ A if that transposes much less.
      const turned =
        k > 2 * n
          ? swapped(at, op.MatMul(swapped(at, cotangent, 2), two), 2)
          : op.MatMul(swapped(at, two, 2), cotangent);
      return right.length === 2 ? turned : write.reshape(turned, right);
    }
    // As its transpose if a Transpose in front of B transposes it back, as of keys.
    const gradient = at.isTransposed(1)
      ? swapped(at, op.MatMul(swapped(at, G, rank(batch)), A), rank(batch))
      : op.MatMul(swapped(at, A, rank(before)), G);
    return as(sumTo(write, gradient, [...batch, k, n], [...beside, k, n]), right);
  };
  return [needs[0] ? toA() : null, needs[1] ? toB() : null];
}
