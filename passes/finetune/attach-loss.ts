import { InputError } from "../../src/errors.ts";
import { type Writing, writing } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import { showShape, type Type } from "../../src/onnx/shape.ts";
import { classTarget, fits } from "../losses/class-target.ts";
import {
  type ChosenLoss,
  classAxisOf,
  type LossInputs,
  type LossOutputs,
  type LossTensor,
  type TargetForm,
} from "../losses/loss.ts";
import { predictionFor } from "../losses/prediction.ts";
import { port } from "./ports.ts";

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

/** A loss attached to a model's output. */
export interface AttachedLoss extends LossOutputs {
  readonly reading: Reading;
  /** What a user must know of how the loss is computed, a sentence each; the first first. */
  readonly notes: readonly string[];
  readonly patch: Patch;
}

/** A graph with the types of its values, and the output that a loss is attached to. */
export interface LossPlace {
  readonly graph: Graph;
  readonly types: Types;
  readonly output: Value;
}

/** What is known of an output and its target. */
interface Asked extends LossPlace, ChosenLoss {
  readonly target: LossTarget;
}

/**
 * Attaches a loss to an output: the target becomes an input, the loss and its metrics become
 * outputs, and the model's own outputs are outputs no longer. Throws an InputError if the target
 * does not fit.
 */
export function attachLoss(place: LossPlace, chosen: ChosenLoss, target: LossTarget): AttachedLoss {
  const { graph, types, output } = place;
  if (!types.get(output)?.shape)
    throw new InputError(`the shape of output ${output.name} is not known; give --dim.`);
  const asked: Asked = { ...place, ...chosen, target };
  const reading = readingOf(asked);
  const written = writing(graph, "loss");
  const { inputs, note } = lossInputs(asked, reading, written);
  const { loss, metrics, examples, start } = chosen.loss.write(inputs);
  const { nodes, tensors } = written;
  return {
    loss,
    metrics,
    examples,
    ...(start ? { start } : {}),
    reading,
    notes: [note, shiftNote(reading, target, chosen.options)].filter((each) => each !== null),
    patch: {
      nodes,
      tensors,
      redirects: [],
      inputs: [port(target.name, target.type)],
      outputs: [loss, ...Object.values(metrics), examples].map((name) => port(name)),
      untold: graph.main.outputs.map(({ name }) => name),
    },
  };
}

/** Writes what the loss is computed from: the prediction and the target. */
function lossInputs(asked: Asked, reading: Reading, written: Writing) {
  const { graph, types, output, target, options } = asked;
  const type = types.get(output)!;
  const shape = type.shape!;
  const { axis, form, shift } = reading;
  const dtype = type.dtype === "double" ? "double" : "float";
  const prediction = predictionFor(written, { ...asked, axis, dtype });
  const inputs: LossInputs = {
    writing: written,
    output: { name: prediction.name, dtype, shape },
    form: prediction.form,
    before: prediction.before,
    target: { ...targetAs(written, target, { form, axis }, { dtype, shape }), form },
    axis: axis ?? shape.length - 1,
    shift,
    opset: graph.file.opsets.get("") ?? 7,
    options,
  };
  return { inputs, note: prediction.note };
}

function readingOf(asked: Asked): Reading {
  const { types, output, loss, reads, target, options } = asked;
  const shape = types.get(output)!.shape!;
  const refuse = (why: string) => new InputError(`${loss.name} on output ${output.name}: ${why}.`);
  const values = {
    form: "values",
    axis: null,
    classes: null,
    shift: 0,
    isNextToken: false,
  } as const;
  if (reads !== "classes") {
    const why = misfit(shape, target.type, loss);
    if (why) throw refuse(why);
    return values;
  }
  const found = loss.distils ? distilled(asked) : classTarget(classesAsked(asked));
  if (typeof found === "string") throw refuse(found);
  const { axis, form } = found;
  if (typeof shape[axis] !== "number")
    throw new InputError(
      `axis ${axis} of output ${output.name} holds the classes and has no fixed size; give --dim.`,
    );
  const isSequence = form === "labels" && shape.length === 3 && axis === 2;
  const isNextToken = isSequence && target.isInput === true;
  const shift = options.shift ?? (isNextToken ? 1 : 0);
  if (shift > 0 && !isSequence)
    throw refuse(
      `--shift moves labels along the positions of an output [batch, positions, classes], and this one is ${showShape(shape)}`,
    );
  if (shift > 0 && shift >= Number(shape[1]))
    throw refuse(`--shift ${shift} leaves no label of ${shape[1]} positions; give longer rows`);
  return { form, axis, classes: Number(shape[axis]), shift, isNextToken: isNextToken || shift > 0 };
}

const classesAsked = ({ target, ...asked }: Asked) => ({
  ...asked,
  target: target.type,
  isInput: target.isInput ?? false,
  sumsToOne: target.sumsToOne ?? null,
});

function distilled({ types, output, target, options }: Asked) {
  const shape = types.get(output)!.shape!;
  const axis = classAxisOf(shape.length, options);
  if (!(axis in shape))
    throw new InputError(
      `output ${output.name} has ${shape.length} axes, and no axis ${options.classAxis ?? axis} of classes; give --class-axis.`,
    );
  return isFloat(target.type.dtype) && fits(shape, target.type)
    ? { axis, form: "values" as const }
    : given(shape, target.type);
}

const given = (shape: NonNullable<Type["shape"]>, target: Type) =>
  `the original gives ${showShape(target.shape)}, and this model ${showShape(shape)}`;

/** Why values do not fit the output, in words; null if they do. Axes of size 1 make no difference. */
function misfit(
  shape: NonNullable<Type["shape"]>,
  target: Type,
  loss: ChosenLoss["loss"],
): string | null {
  if (loss.distils)
    return isFloat(target.dtype) && fits(shape, target) ? null : given(shape, target);
  const long = (dims: NonNullable<Type["shape"]>) => dims.filter((dim) => dim !== 1);
  const close = target.shape && fits(long(shape), { shape: long(target.shape) });
  const same = fits(shape, target) || (close && target.shape![0] === shape[0]);
  if (same) return null;
  return isFloat(target.dtype)
    ? `targets have the output's shape ${showShape(shape)}, and these are ${showShape(target.shape)}`
    : `its targets are floats of the output's shape ${showShape(shape)}, and these are ${target.dtype} ${showShape(target.shape)}`;
}

/** The target as the loss takes it: class numbers as they are, all else as the output's type and shape. */
function targetAs(
  written: Writing,
  { name, type }: LossTarget,
  { form, axis }: { readonly form: TargetForm; readonly axis: number | null },
  output: Type,
): LossTensor {
  const full = output.shape as readonly number[];
  const shape = form === "labels" ? full.toSpliced(axis!, 1) : full;
  const isClass = form === "labels" && !isFloat(type.dtype);
  const dtype = form === "labels" ? (isClass ? type.dtype : "int64") : output.dtype;
  const cast = type.dtype === dtype ? name : written.to.cast(name, dtype);
  const isAs = `${type.shape ?? shape}` === `${shape}`;
  return { name: isAs ? cast : written.to.reshape(cast, shape), dtype, shape };
}

function shiftNote(
  { shift, isNextToken }: Reading,
  { isInput }: LossTarget,
  { shift: given }: ChosenLoss["options"],
) {
  if (!isNextToken || !isInput || given !== null) return null;
  return `the target is an input of the model, so each position is trained on the next token (--shift ${shift}); --shift 0 trains it on its own.`;
}
