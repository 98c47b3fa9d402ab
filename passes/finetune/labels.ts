import type { Tensor } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import { dtypeOf, toFloat64 } from "../../src/ort/tensors.ts";

/** How a target of classes is read: class numbers, or a 1 among integers at the class. */
interface ReadAs {
  readonly form: string;
  readonly axis: number | null;
  readonly classes: number | null;
}

/**
 * Throws an InputError if a target of one batch is not what it is read as: if a label is not a
 * class, from 0, nor `ignore`, which counts for none; or if integers are not one-hot. Soft
 * targets and values are let be.
 */
export function checkTargetOf(
  target: Tensor,
  { form, axis, classes }: ReadAs,
  {
    ignore,
    isLabel: own,
  }: { readonly ignore: number | null; readonly isLabel?: IsLabel | undefined },
) {
  const isOwn = form === "own" && own !== undefined;
  if (classes === null || (form !== "labels" && form !== "one-hot" && !isOwn)) return;
  const fits = isOwn ? own : isClass;
  const values: ArrayLike<number | bigint> =
    dtypeOf(target) === "float16" ? toFloat64(target) : (target.data as Float32Array);
  if (form === "one-hot") {
    const row = oneHotFault(values, target.dims, axis!);
    if (row !== null) throw new InputError(`a batch's row ${row} ${NOT_ONE_HOT}`);
    return;
  }
  for (let k = 0; k < values.length; k++) {
    const label = Number(values[k]);
    if (fits(label, classes) || label === ignore) continue;
    throw new InputError(`a batch has the label ${label}${labelAdvice(label, classes)}`);
  }
}

/** Whether a number may be in a target. */
export type IsLabel = (label: number, classes: number) => boolean;

/** Whether a number is a class, from 0. */
export const isClass: IsLabel = (label, classes) =>
  label >= 0 && label < classes && Number.isInteger(label);

/** Returns what to do about a label that is not a class: the end of a sentence. */
export const labelAdvice = (label: number, classes: number): string =>
  classes === 1
    ? ", and the model gives one number for each example; use --loss binary-cross-entropy if it is the logit of yes and no, or give the model a last layer of more classes with --new-head."
    : Number.isInteger(label)
      ? `, and the model's ${classes} classes are 0 to ${classes - 1}; ${
          label < 0
            ? `pass --ignore-index ${label} if such rows are not to count, or number the labels so`
            : `number the labels so, or give the model a last layer of more classes with --new-head`
        }.`
      : "; class labels are whole numbers, and soft targets have the output's shape.";

export const NOT_ONE_HOT =
  "holds integers of the output's shape that are not a single 1 among zeros; give class numbers, floats that are the share of each class, or --loss binary-cross-entropy if several classes hold at once.";

/** Returns the first row in which integers are not one-hot along an axis; null if all are. */
export function oneHotFault(
  values: ArrayLike<number | bigint>,
  dims: readonly number[],
  axis: number,
): number | null {
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const classes = dims[axis];
  const width = values.length / dims[0];
  for (let place = 0; place < values.length / classes; place++) {
    const from = Math.floor(place / inner) * inner * classes + (place % inner);
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const value = Number(values[from + k * inner]);
      sum += value === 0 || value === 1 ? value : Number.NaN;
    }
    if (sum !== 1) return Math.floor(from / width);
  }
  return null;
}
