import { elements, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode } from "./rule.ts";

/** Row length from which a matrix product sums products faster than Mul and ReduceSum. */
const ROW = 400;

/**
 * Writes Σ a b over the last axes of operands of this shape, keeping the axes before `kept`, in
 * float32: rows times rows, which reads both once and writes no intermediate. Returns null if the
 * rows are too short.
 */
export function dot(
  { op, write, dtype }: GradientNode,
  [a, b]: readonly [string, string],
  shape: readonly number[],
  kept: number,
): string | null {
  const length = elements(shape.slice(kept));
  if (dtype !== "float" || length < ROW) return null;
  const rows = [elements(shape.slice(0, kept)), 1, length];
  const column = op.Transpose(write.reshape(b, rows), { perm: [0, 2, 1] });
  return write.reshape(op.MatMul(write.reshape(a, rows), column), shape.slice(0, kept));
}

/**
 * Writes Σ a b over all elements, by rows that several threads share; returns null if there are
 * few.
 */
export function dotOfAll(at: GradientNode, a: string, b: string, shape: readonly number[]) {
  let kept = shape.length;
  while (kept > 0 && elements(shape.slice(kept)) < ROW) kept--;
  const rows = dot(at, [a, b], shape, kept);
  if (rows === null || kept === 0) return rows;
  return at.write.reduce("ReduceSum", rows, range(kept), false);
}
