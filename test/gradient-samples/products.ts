import type { products } from "../../passes/gradient/products.ts";
import { type Sample, type Samples, single, unary } from "./sample.ts";

const matmul = (a: number[], b: number[]): Sample => ({
  text: "y = MatMul(a, b)",
  inputs: { a, b },
});
const gemm = (attributes: string, a: number[], b: number[], c: number[], opset = 13): Sample => ({
  text: `y = Gemm <${attributes}> (a, b, c)`,
  inputs: { a, b, c },
  opset,
});
const einsum = (equation: string, ...shapes: number[][]): Sample => {
  const names = shapes.map((_, k) => "abc"[k]);
  return {
    text: `y = Einsum <equation = "${equation}"> (${names})`,
    inputs: Object.fromEntries(shapes.map((shape, k) => [names[k], shape])),
  };
};

/** Samples of products of matrices. */
export const productSamples: Samples<typeof products> = {
  Det: [
    [3, 3],
    [2, 1, 1],
    [2, 3, 4, 4],
    [2, 2],
  ].map((x) => single(unary("y = Det(x)", x))),
  Einsum: [
    einsum("ij,jk->ik", [2, 3], [3, 4]),
    einsum("bij,bjk->bik", [2, 2, 3], [2, 3, 4]),
    einsum("bhqd,bhkd->bhqk", [1, 2, 3, 4], [1, 2, 5, 4]),
    einsum("ij,jk", [2, 3], [3, 4]),
    einsum("ij->ji", [2, 3]),
    einsum("ij->i", [2, 3]),
    einsum("ij->", [2, 3]),
    einsum("ii->i", [3, 3]),
    einsum("ii->", [3, 3]),
    einsum("...ij,...jk->...ik", [2, 2, 3], [2, 3, 4]),
    einsum("...ij,...jk->...ik", [2, 2, 3], [1, 3, 4]),
    einsum("...i,i->...", [2, 3, 4], [4]),
    einsum("bi,bj,bk->ijk", [2, 3], [2, 2], [2, 2]),
    einsum("i,j->ij", [3], [4]),
    einsum("abc,cd->abd", [2, 3, 4], [4, 5]),
  ],
  "com.microsoft.Inverse": [
    single(
      unary("c = Mul(x, half) a = Add(c, three) y = com.microsoft.Inverse(a)", [2, 2], {
        given: "float half = {0.5}, float[2, 2] three = {3, 0, 1, -3}",
      }),
    ),
  ],
  Gemm: [
    gemm("alpha = 1.0", [3, 4], [4, 5], [5]),
    gemm("transA = 1, alpha = 0.5, beta = 2.0", [4, 3], [4, 5], [3, 1]),
    gemm("transB = 1", [3, 4], [5, 4], [3, 5]),
    gemm("transA = 1, transB = 1, alpha = 1.5", [4, 3], [5, 4], [1, 5]),
    gemm("transB = 1", [3, 4], [5, 4], [5], 7),
    gemm("transA = 1", [4, 3], [4, 5], [], 9),
    { text: "y = Gemm <transB = 1> (a, b)", inputs: { a: [3, 4], b: [5, 4] }, opset: 11 },
  ],
  MatMul: [
    matmul([3, 4], [4, 5]),
    matmul([2, 3, 4], [4, 5]),
    matmul([2, 2, 3, 4], [4, 5]),
    matmul([2, 3, 4], [2, 4, 5]),
    matmul([3, 4], [2, 4, 5]),
    matmul([2, 1, 3, 4], [3, 4, 5]),
    matmul([2, 3, 3, 4], [1, 3, 4, 2]),
    matmul([4], [4, 5]),
    matmul([3, 4], [4]),
    matmul([4], [4]),
    matmul([2, 3, 4], [4]),
    matmul([4], [2, 4, 5]),
    matmul([1, 3, 4], [1, 4, 5]),
    matmul([3, 4], [1, 4, 5]),
    { ...matmul([2, 3, 4], [4, 5]), opset: 9 },
    { ...matmul([3, 4], [2, 4, 5]), opset: 9 },
  ],
};
