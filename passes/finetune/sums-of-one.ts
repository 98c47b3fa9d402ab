import type { Tensor } from "onnxruntime-common";
import { elements } from "../../src/onnx/dtypes.ts";
import { toFloat64 } from "../../src/ort/tensors.ts";
import type { ChosenLoss } from "../losses/loss.ts";

/** How far a sum of shares may lie from 1. */
const ROUNDING = 1e-2;

/**
 * Returns the axes of a target behind the first along which all sums are 1: those that could hold
 * the shares of classes. None for a target of fewer than three axes, whose class axis is known, and
 * none for a loss without classes.
 */
export function axesOfOne({ loss, reads }: ChosenLoss, target: Tensor): number[] {
  const { dims, type } = target;
  if (loss.distils || loss.fit || reads !== "classes" || dims.length < 3 || type === "string")
    return [];
  const values: ArrayLike<number | bigint> =
    type === "float16" ? toFloat64(target) : (target.data as Float32Array);
  const isOfOne = (axis: number) => rowOfOtherSum(values, dims, axis) === null;
  return [...dims.keys()].slice(1).filter(isOfOne);
}

/** Returns the first row of which numbers, as `shareOf` reads them, do not add up to 1; or null. */
export function rowOfOtherSum(
  values: ArrayLike<number | bigint>,
  dims: readonly number[],
  axis: number,
  shareOf: (value: number) => number = (value) => value,
): number | null {
  const inner = elements(dims.slice(axis + 1));
  const size = dims[axis];
  for (let place = 0; place < values.length / size; place++) {
    const from = Math.floor(place / inner) * inner * size + (place % inner);
    let sum = 0;
    for (let k = 0; k < size; k++) sum += shareOf(Number(values[from + k * inner]));
    if (!(Math.abs(sum - 1) < ROUNDING)) return Math.floor((from * dims[0]) / values.length);
  }
  return null;
}
