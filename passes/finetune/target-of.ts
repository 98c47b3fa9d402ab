import type { Tensor } from "onnxruntime-common";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { dtypeOf, toFloat64 } from "../../src/ort/tensors.ts";
import type { ChosenLoss } from "../losses/loss.ts";
import type { LossTarget } from "./target-reading.ts";

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
  return dims.flatMap((size, axis) => {
    if (axis === 0) return [];
    const inner = elements(dims.slice(axis + 1));
    for (let place = 0; place < values.length / size; place++) {
      const from = Math.floor(place / inner) * inner * size + (place % inner);
      let sum = 0;
      for (let k = 0; k < size; k++) sum += Number(values[from + k * inner]);
      if (!(Math.abs(sum - 1) < ROUNDING)) return [];
    }
    return [axis];
  });
}

/** Describes a batch's target for a loss, under the name of an input. */
export const targetOf = (
  model: Model,
  name: string,
  tensor: Tensor,
  { called, sumsToOne }: { readonly called: string | undefined; readonly sumsToOne: number[] },
): LossTarget => ({
  name,
  type: { dtype: dtypeOf(tensor), shape: tensor.dims },
  isInput: model.graph.main.inputs.some((input) => input.name === called),
  sumsToOne,
});
