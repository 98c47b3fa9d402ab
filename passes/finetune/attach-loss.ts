import { InputError } from "../../src/errors.ts";
import { type Writing, writing } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import { showShape, type Type } from "../../src/onnx/shape.ts";
import { classTarget, fits } from "../losses/class-target.ts";
import {
  classAxisOf,
  type Judged as JudgedValue,
  type Judging,
  type Loss,
  type LossOptions,
  type TargetForm,
  type Verdict,
} from "../losses/loss.ts";
import { lossInput } from "../losses/loss-input.ts";
import { port } from "./step.ts";

/** What a model's output is held against. */
export interface Target {
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
  /** Axis of the classes, from 0; null where the loss knows none. */
  readonly axis: number | null;
  /** How many classes there are; null where the loss knows none. */
  readonly classes: number | null;
  /** Positions by which labels are moved ahead. */
  readonly shift: number;
  /** Whether the loss is that of a language model, of which perplexity is asked. */
  readonly isNextToken: boolean;
}

/** A loss written behind a model's output. */
export interface Judged extends Verdict {
  readonly reading: Reading;
  /** What a user must know of how the loss is computed, a sentence each; the first first. */
  readonly notes: readonly string[];
  readonly patch: Patch;
}

/**
 * Writes a loss behind an output: the target becomes an input, the loss and its metrics become
 * outputs, and the model's own outputs are no longer told. Throws an InputError where the target
 * does not fit.
 */
export function judge(
  graph: Graph,
  types: Types,
  output: Value,
  loss: Loss,
  target: Target,
  options: LossOptions,
): Judged {
  const type = types.get(output);
  if (!type?.shape)
    throw new InputError(`the shape of output ${output.name} is not known; give --dim.`);
  const reading = readingOf({ graph, types, output, loss, target, options });
  const { axis, form, shift } = reading;
  const written = writing(graph, "loss");
  const dtype = type.dtype === "double" ? "double" : "float";
  const input = lossInput(written, { graph, types, output, loss, axis, dtype, options });
  const judging: Judging = {
    writing: written,
    output: { name: input.name, dtype, shape: type.shape },
    form: input.form,
    before: input.before,
    target: { ...targetAs(written, target, form, { ...type, dtype }, axis), form },
    axis: axis ?? type.shape.length - 1,
    shift,
    opset: graph.file.opsets.get("") ?? 7,
    options,
  };
  const { loss: scalar, metrics, judged, start } = loss.write(judging);
  const { nodes, tensors } = written;
  return {
    loss: scalar,
    metrics,
    judged,
    ...(start ? { start } : {}),
    reading,
    notes: [input.note, shiftNote(reading, target, options)].filter((note) => note !== null),
    patch: {
      nodes,
      tensors,
      redirects: [],
      inputs: [port(target.name, target.type)],
      outputs: [scalar, ...Object.values(metrics), judged].map((name) => port(name)),
      untold: graph.main.outputs.map(({ name }) => name),
    },
  };
}

interface Asked {
  readonly graph: Graph;
  readonly types: Types;
  readonly output: Value;
  readonly loss: Loss;
  readonly target: Target;
  readonly options: LossOptions;
}

function readingOf(asked: Asked): Reading {
  const { types, output, loss, target, options } = asked;
  const shape = types.get(output)!.shape!;
  const refuse = (why: string) => new InputError(`${loss.name} on output ${output.name}: ${why}.`);
  const values = {
    form: "values",
    axis: null,
    classes: null,
    shift: 0,
    isNextToken: false,
  } as const;
  if (options.shift && loss.name !== "cross-entropy")
    throw refuse("--shift moves the labels of cross-entropy; leave it out");
  if (loss.reads !== "classes" || (loss.distils && options.distil === "features")) {
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
function misfit(shape: NonNullable<Type["shape"]>, target: Type, loss: Loss): string | null {
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
  { name, type }: Target,
  form: TargetForm,
  output: Type,
  axis: number | null,
): JudgedValue {
  const whole = output.shape as readonly number[];
  const wanted = form === "labels" ? whole.toSpliced(axis!, 1) : whole;
  const isClass = form === "labels" && !isFloat(type.dtype);
  const dtype = form === "labels" ? (isClass ? type.dtype : "int64") : output.dtype;
  const cast = type.dtype === dtype ? name : written.to.cast(name, dtype);
  const isAs = `${type.shape ?? wanted}` === `${wanted}`;
  return { name: isAs ? cast : written.to.reshape(cast, wanted), dtype, shape: wanted };
}

function shiftNote(
  { shift, isNextToken }: Reading,
  { isInput }: Target,
  { shift: said }: LossOptions,
) {
  if (!isNextToken || !isInput || said !== null) return null;
  return `the target is an input of the model, so each position is trained on the next token (--shift ${shift}); --shift 0 trains it on its own.`;
}
