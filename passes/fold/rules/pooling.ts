import { rows } from "../../../src/graph/own.ts";
import { positive } from "../../gradient/broadcasting.ts";
import { type Factor, isNegative, mapped } from "../factor.ts";
import type { At, ScaleRule, ScaleTable } from "./rule.ts";
import { homogeneous, isScalar, onlyAt, stay } from "./shared.ts";

/** Pools work along the axes behind the channels. */
const channels = stay((_, axis) => (axis <= 1 ? axis : null));

/** A reduction with kept axes leaves the features where they are; without, only one number passes. */
const kept = stay((at, axis) => (isKept(at, axis) ? axis : null));

function isKept(at: At, axis: number): boolean {
  const rank = at.shape(0)?.length;
  const axes = at.ints("axes") ?? (at.has(1) ? at.numbers(1) : null);
  if (rank === undefined || !axes || at.int("keepdims", 1) !== 1) return false;
  return !axes.some((each) => positive(each, rank) === axis);
}

const squares: ScaleRule = {
  forward: (_, factors) =>
    onlyAt(factors, 0) && isScalar(factors[0])
      ? { outputs: [mapped(factors[0], (value) => value ** 2)] }
      : null,
  backward: (_, by: Factor) =>
    isNegative(by) || !isScalar(by) ? null : [{ requests: [[0, mapped(by, Math.sqrt)]] }],
};

/** Pools and reductions that a factor passes. */
export const scalePooling: ScaleTable = {
  ...rows(homogeneous(true, channels), "AveragePool GlobalAveragePool"),
  ...rows(homogeneous(false, channels), "GlobalLpPool GlobalMaxPool LpPool MaxPool"),
  MaxRoiPool: homogeneous(false, null),
  ...rows(homogeneous(true, kept), "ReduceMean ReduceSum"),
  ...rows(homogeneous(false, kept), "ReduceL1 ReduceL2 ReduceMax ReduceMin"),
  ReduceSumSquare: squares,
};
