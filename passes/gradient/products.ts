import { elements, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { broadcast, sumTo } from "./broadcasting.ts";
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
  "com.microsoft.Inverse": ({ op, g, y, shape }) => {
    const axes = range(shape(0).length);
    const perm = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
    const turned = op.Transpose(y, { perm });
    return [op.Neg(op.MatMul(op.MatMul(turned, g), turned))];
  },
} satisfies VjpTable;

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
function matmul({ op, write, g, shape, needs }: GradientNode, a: string, b: string) {
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
  const swapped = (x: string, rank: number) => {
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    return op.Transpose(x, { perm: [...perm.slice(0, -2), rank - 1, rank - 2] });
  };
  const rank = (dims: readonly number[]) => dims.length + 2;
  const toA = () => {
    const gradient = op.MatMul(G, swapped(B, rank(beside)));
    return as(sumTo(write, gradient, [...batch, m, k], [...before, m, k]), left);
  };
  const toB = () => {
    if (elements(beside) === 1 && elements(batch) === elements(before)) {
      const two = matrix(A, k, rank(before));
      const cotangent = matrix(G, n, rank(batch));
      // As the transpose of Gᵀ A if that transposes much less.
      const turned =
        k > 2 * n
          ? swapped(op.MatMul(swapped(cotangent, 2), two), 2)
          : op.MatMul(swapped(two, 2), cotangent);
      return right.length === 2 ? turned : write.reshape(turned, right);
    }
    const gradient = op.MatMul(swapped(A, rank(before)), G);
    return as(sumTo(write, gradient, [...batch, k, n], [...beside, k, n]), right);
  };
  return [needs[0] ? toA() : null, needs[1] ? toB() : null];
}

interface Operand {
  readonly name: string;
  readonly labels: readonly string[];
}

/**
 * The cotangent of each operand is an Einsum of the output's cotangent and the other operands. A
 * label that occurs twice in an operand becomes two labels, tied by an identity matrix. A label
 * that only this operand has was summed, so its cotangent is constant along it.
 */
function einsum(at: GradientNode, ...inputs: string[]) {
  const { op, write, g, shape, constant, dtype, needs } = at;
  const { terms, output } = labeled(at, inputs);
  const sizes = new Map<string, number>();
  for (const [k, labels] of terms.entries())
    for (const [axis, label] of labels.entries())
      sizes.set(label, Math.max(sizes.get(label) ?? 1, shape(k)[axis]));
  const fresh = unused([...terms.flat(), ...output]);
  const diagonals: Operand[] = [];
  const operands = terms.map((labels, k): Operand => {
    const once = labels.map((label, axis) => {
      if (labels.indexOf(label) === axis) return label;
      const size = sizes.get(label)!;
      const other = fresh();
      sizes.set(other, size);
      const eye = range(size * size).map((at) => (at % (size + 1) === 0 ? 1 : 0));
      diagonals.push({ name: constant(dtype, [size, size], eye), labels: [label, other] });
      return other;
    });
    return { name: inputs[k], labels: once };
  });
  return operands.map(({ labels }, k) => {
    if (!needs[k]) return null;
    const others = [...operands.filter((_, other) => other !== k), ...diagonals];
    const given = [{ name: g, labels: output }, ...others];
    const known = labels.filter((label) => given.some((operand) => operand.labels.includes(label)));
    const left = given.map((operand) => operand.labels.join("")).join(",");
    const equation = `${left}->${known.join("")}`;
    const names = given.map(({ name }) => name);
    const product = op.Einsum(names, { equation });
    const full = labels.map((label) => sizes.get(label)!);
    if (known.length === labels.length) return sumTo(write, product, full, shape(k));
    const kept = labels.map((label) => (known.includes(label) ? sizes.get(label)! : 1));
    return sumTo(write, write.expand(write.reshape(product, kept), kept, full), full, shape(k));
  });
}

/** Returns the labels of each operand and of the output, with the ellipsis expanded. */
function labeled({ text, shape, refuse }: GradientNode, inputs: readonly string[]) {
  const [left, right] = text("equation", "").replace(/\s/g, "").split("->");
  const given = left.split(",");
  if (given.length !== inputs.length) refuse("its equation has a different number of operands");
  const fresh = unused([...left, ...(right ?? "")]);
  const wide = given.map((term, k) =>
    term.includes("...") ? shape(k).length - (term.length - 3) : 0,
  );
  const dots = range(Math.max(0, ...wide)).map(fresh);
  const written = (term: string, width: number) => {
    const [before, after] = term.split("...");
    if (after === undefined) return [...term];
    return [...before, ...dots.slice(dots.length - width), ...after];
  };
  const terms = given.map((term, k) => written(term, wide[k]));
  const count = (label: string) => terms.flat().filter((used) => used === label).length;
  const implied = () => {
    const once = [...new Set([...left].filter((c) => /\w/.test(c)))].filter((c) => count(c) === 1);
    return [...dots, ...once.sort()];
  };
  return { terms, output: right === undefined ? implied() : written(right, dots.length) };
}

/** Yields letters that are not in use. */
function unused(taken: readonly string[]): () => string {
  const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const free = letters.filter((letter) => !taken.includes(letter));
  return () => free.shift()!;
}
