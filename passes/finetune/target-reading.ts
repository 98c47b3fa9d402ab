import { InputError } from "../../src/errors.ts";
import type { TypedGraph, Value } from "../../src/graph/graph.ts";
import { isFloat, showShape, type Type } from "../../src/onnx/dtypes.ts";
import { classTarget, fits, ofExample } from "../losses/class-target.ts";
import { type ChosenLoss, checkedClassAxis, type TargetForm } from "../losses/loss.ts";

/** What a model's output is compared with. */
export interface LossTarget {
  readonly name: string;
  readonly type: Type;
  /** Whether it is an input of the model too, as the token ids of a language model are. */
  readonly isInput?: boolean | undefined;
  /** Axes along which all its sums are 1, as far as its values are known. */
  readonly sumsToOne?: readonly number[] | undefined;
}

/** How a target is read. */
export interface Reading {
  readonly form: TargetForm;
  /** Axis of the classes, from 0; null if the loss has no classes. */
  readonly axis: number | null;
  /** Number of classes; null if the loss has no classes. */
  readonly classes: number | null;
  /** Positions by which labels are moved ahead. */
  readonly shift: number;
  /** Whether the loss is that of a language model, for which perplexity is reported. */
  readonly isNextToken: boolean;
}

/** A graph with the types of its values, and the output that a loss is attached to. */
export interface LossPlace extends TypedGraph {
  readonly output: Value;
}

interface AskedReading extends LossPlace, ChosenLoss {
  /** Null for a loss without a target. */
  readonly target: LossTarget | null;
}

const PLAIN = { axis: null, classes: null, shift: 0, isNextToken: false } as const;

/** Returns how a loss reads its target. Throws an InputError if that does not fit the output. */
export function readingOf(asked: AskedReading): Reading {
  const { types, output, loss, options, target } = asked;
  const refuse = (why: string) => new InputError(`${loss.name} on output ${output.name}: ${why}.`);
  if (loss.fit) {
    const type = types.get(output)!;
    const fit = loss.fit({ output: type, target: target?.type ?? null, options });
    if (typeof fit === "string") throw refuse(fit);
    const classes = fit.axis === null ? null : Number(type.shape![fit.axis]);
    return { ...PLAIN, form: "own", axis: fit.axis, classes };
  }
  return target === null
    ? { ...PLAIN, form: "values" }
    : readingOfTarget({ ...asked, target }, refuse);
}

type AskedOfTarget = AskedReading & { readonly target: LossTarget };

function readingOfTarget(asked: AskedOfTarget, refuse: (why: string) => InputError): Reading {
  const { types, output, loss, reads, target, options } = asked;
  const shape = types.get(output)!.shape!;
  if (loss.distils && !(isFloat(target.type.dtype) && fits(shape, target.type)))
    throw refuse(
      `the original gives ${showShape(target.type.shape)}, and this model ${showShape(shape)}`,
    );
  if (reads !== "classes") {
    const why = loss.distils ? null : misfit(shape, target.type);
    if (why) throw refuse(why);
    return { ...PLAIN, form: "values" };
  }
  const fit = loss.distils
    ? { axis: checkedClassAxis(output.name, shape.length, options), form: "values" as const }
    : classTarget({
        ...asked,
        target: target.type,
        isInput: target.isInput ?? false,
        sumsToOne: target.sumsToOne ?? null,
      });
  if (typeof fit === "string") throw refuse(fit);
  const { axis, form } = fit;
  if (typeof shape[axis] !== "number")
    throw new InputError(
      `axis ${axis} of output ${output.name} holds the classes, and its size depends on what the model computes; name a value before that with --output-name.`,
    );
  const isSequence = form === "labels" && shape.length === 3 && axis === 2;
  const isNextToken = isSequence && target.isInput === true;
  const shift = options.shift ?? (isNextToken ? 1 : 0);
  if (shift > 0 && !isSequence)
    throw refuse(
      `--shift moves labels along the positions of an output [batch, positions, classes], but this one is ${showShape(shape)}`,
    );
  if (shift > 0 && shift >= Number(shape[1]))
    throw refuse(`--shift ${shift} leaves no label of ${shape[1]} positions; give longer rows`);
  return { form, axis, classes: Number(shape[axis]), shift, isNextToken: isNextToken || shift > 0 };
}

/** Why values do not fit the output, in words; null if they do. Axes of size 1 make no difference. */
function misfit(shape: NonNullable<Type["shape"]>, target: Type): string | null {
  const long = (dims: NonNullable<Type["shape"]>) => dims.filter((dim) => dim !== 1);
  const close = target.shape && fits(long(shape), { shape: long(target.shape) });
  const same = fits(shape, ofExample(shape, target)) || (close && target.shape![0] === shape[0]);
  if (same) return null;
  return isFloat(target.dtype)
    ? `targets have the output's shape ${showShape(shape)}, and these are ${showShape(target.shape)}; name another array with --target`
    : `its targets are floats of the output's shape ${showShape(shape)}, and these are ${target.dtype} ${showShape(target.shape)}; name another array with --target`;
}

/** Returns a sentence on labels that are moved ahead; null if they are not. */
export function shiftNote(
  { shift, isNextToken }: Reading,
  target: LossTarget | null,
  { shift: given }: ChosenLoss["options"],
) {
  if (!isNextToken || !target?.isInput || given !== null) return null;
  return `the target is an input of the model, so each position is trained on the next token (--shift ${shift}); --shift 0 trains it on its own.`;
}
