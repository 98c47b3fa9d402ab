import { InputError } from "../../src/errors.ts";
import { attribute, type Types, type Value } from "../../src/graph/graph.ts";
import {
  canBeSame,
  isFloat,
  placeOfAxis,
  range,
  showShape,
  type Type,
} from "../../src/onnx/dtypes.ts";
import { softmaxAxis } from "./activation.ts";
import { traced } from "./final-activation.ts";
import { type ChosenLoss, checkedClassAxis, classAxisOf, type TargetForm } from "./loss.ts";

type Shape = NonNullable<Type["shape"]>;

interface Asked extends Pick<ChosenLoss, "loss" | "options"> {
  readonly types: Types;
  readonly output: Value;
  readonly target: Type;
  /** Whether the target is an input of the model, such as token ids. */
  readonly isInput: boolean;
  /** Axes along which all sums of the target are 1; null if its values are unknown. */
  readonly sumsToOne: readonly number[] | null;
}

/**
 * Returns the class axis and the form of the target. The axis is the one that is named, the only
 * one that fits the labels, or the axis of the model's own Softmax or ArgMax. Returns the end of a
 * sentence if the target does not fit. Throws an InputError that asks for the axis if it is
 * ambiguous.
 */
export function classTarget(
  asked: Asked,
): { readonly axis: number; readonly form: TargetForm } | string {
  const { types, output, target, options } = asked;
  const shape = types.get(output)!.shape!;
  const rank = shape.length;
  if (rank < 2) return `the output ${showShape(shape)} does not have a class axis`;
  const named = options.classAxis === null ? null : checkedClassAxis(output.name, rank, options);
  if (fits(shape, target)) {
    const form = isFloat(target.dtype) ? "shares" : "one-hot";
    return { axis: named ?? evident(asked, axesOf(rank)) ?? ofShares(asked), form };
  }
  const fitting = axesOf(rank).filter((axis) => fitsLabels(shape, axis, target));
  const axis = named ?? onlyAxis(asked, fitting) ?? classAxisOf(rank, options);
  if (fitsLabels(shape, axis, target)) return { axis, form: "labels" };
  const labels = shape.toSpliced(axis, 1);
  const isMap = labels.length > 2 && target.shape?.length === labels.length;
  const resize = isMap ? "; resize the labels to the output, without interpolation" : "";
  const advice = fitting.length > 0 ? `; give --class-axis ${fitting[0]}` : resize;
  return isFloat(target.dtype)
    ? `soft targets must have the output's shape ${showShape(shape)} and labels ${showShape(labels)}, but these have ${showShape(target.shape)}`
    : `labels of an output ${showShape(shape)} must have the shape ${showShape(labels)}, but these have ${showShape(target.shape)}${advice}`;
}

/** Returns the axis along which the shares of the classes sum to 1. */
function ofShares({ types, output, sumsToOne, options }: Asked): number {
  const shape = types.get(output)!.shape!;
  if (shape.length < 3 || sumsToOne === null) return classAxisOf(shape.length, options);
  if (sumsToOne.length === 1) return sumsToOne[0];
  const which = `the targets of output ${output.name} ${showShape(shape)} sum to 1 along`;
  throw new InputError(
    sumsToOne.length > 0
      ? `${which} axes ${sumsToOne.join(" and ")}, so the axis of the classes is ambiguous; name it with --class-axis.`
      : `${which} no axis, so they are not shares of classes; give labels or shares, choose a loss for values (mse), or name the axis of the classes with --class-axis.`,
  );
}

const axesOf = (rank: number) => range(rank).slice(1);

/**
 * Whether a target has a label for each position, with or without an axis of size 1 at the end, in
 * place of the classes or for the only example of a batch.
 */
export function fitsLabels(shape: Shape, axis: number, target: Pick<Type, "shape">): boolean {
  const labels = shape.toSpliced(axis, 1);
  const allowed = [labels, [...labels, 1], shape.with(axis, 1)];
  return allowed.some((each) => fits(each, target)) || fits(labels, ofExample(labels, target));
}

/** A target without the axis of a batch's only example, which an output of one example may lack. */
export const ofExample = (shape: Shape, target: Pick<Type, "shape">): Pick<Type, "shape"> =>
  target.shape?.length === shape.length + 1 && target.shape[0] === 1
    ? { shape: target.shape.slice(1) }
    : target;

/** Returns the only axis that can be the class axis; null if none is certain. */
function onlyAxis(asked: Asked, fitting: readonly number[]): number | null {
  if (fitting.length < 2) return fitting[0] ?? null;
  const { types, output, target, isInput } = asked;
  const shape = types.get(output)!.shape!;
  // An unknown size fits everywhere; the first batch shows it.
  const fixed = shape.every((dim) => typeof dim === "number");
  const own = evident(asked, fitting) ?? (isInput && shape.length === 3 ? 2 : null);
  if (own !== null || !fixed) return own;
  throw new InputError(
    `output ${output.name} ${showShape(shape)} fits labels ${showShape(target.shape)} with its classes on axis ${fitting.join(" or ")}; say which with --class-axis.`,
  );
}

/** Returns the only axis of the model's own last Softmax or ArgMax. */
function evident({ types, output, loss }: Asked, among: readonly number[]): number | null {
  const sought = loss.looksThrough;
  const along = among.filter((axis) => {
    const { leaves } = traced({ types, sought }, output, axis);
    return leaves.every(({ activation }) => activation !== null);
  });
  if (along.length === 1) return along[0];
  const rank = types.get(output)!.shape!.length;
  const readers = output.uses.flatMap(({ node }) =>
    node.op === "ArgMax"
      ? [attribute(node, "axis")?.i ?? 0]
      : node.op === "Softmax" || node.op === "LogSoftmax"
        ? (softmaxAxis(types, node) ?? [])
        : [],
  );
  const read = new Set(readers.map((axis) => placeOfAxis(axis, rank)));
  const [only] = read;
  return read.size === 1 && among.includes(only) ? only : null;
}

/** Whether a target has this shape; an unknown size matches every size. */
export const fits = (shape: Shape, { shape: own }: Pick<Type, "shape">) =>
  own !== null && canBeSame(own, shape);
