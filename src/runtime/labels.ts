import type { Tensor } from "onnxruntime-common";
import { InputError } from "../onnx/source.ts";
import { dtypeOf } from "./floats.ts";

/**
 * Throws an InputError where one of a batch's integer labels is no class of so many: from 0, or
 * `ignore`, which counts for none. Soft targets are let be.
 */
export function checkLabelsOf(labels: Tensor, classes: number | null, ignore: number): void {
  if (classes === null || !/int/.test(dtypeOf(labels))) return;
  for (const value of labels.data as ArrayLike<number> & Iterable<number | bigint>) {
    const label = Number(value);
    if ((label >= 0 && label < classes) || label === ignore) continue;
    throw new InputError(
      `a batch has the label ${label}, and the model's ${classes} classes are 0 to ${classes - 1}; number the labels so.`,
    );
  }
}
