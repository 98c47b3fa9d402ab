import { mapValues } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import type { TypedGraph } from "../../src/graph/graph.ts";
import { isFloat, type Type } from "../../src/onnx/dtypes.ts";
import {
  type ChosenLoss,
  type LossInputs,
  type LossOutputs,
  type LossTensor,
  lossWriter,
  type TargetForm,
} from "../losses/loss.ts";
import { predictionFor } from "../losses/prediction.ts";
import type { Need } from "../metrics/metric.ts";
import { type Observation, observe } from "../metrics/observe.ts";
import {
  type LossPlace,
  type LossTarget,
  type Reading,
  readingOf,
  shiftNote,
} from "./target-reading.ts";

/** What a loss compares an output with. */
export interface Compared {
  /** Null for a loss without a target. */
  readonly target: LossTarget | null;
  /** Arrays of the data that options of the loss name, by option. */
  readonly arrays: Readonly<Record<string, LossTarget>>;
  readonly rows: number;
  /** What metrics need; null if none are requested. */
  readonly needs: ReadonlySet<Need> | null;
}

/** A loss written on a model's output. */
export interface AttachedLoss extends LossOutputs {
  readonly reading: Reading;
  /** What metrics read; null if none are requested, or none can be. */
  readonly observed: Observation | null;
  /** What a user must know of how the loss is computed, a sentence each; the first first. */
  readonly notes: readonly string[];
}

type Asked = LossPlace & ChosenLoss & Compared;

/** Writes a loss on an output. Throws an InputError if the target does not fit. */
export function attachLoss(
  builder: Builder,
  place: LossPlace,
  chosen: ChosenLoss,
  compared: Compared,
): AttachedLoss {
  const { types, output } = place;
  if (!types.get(output)?.shape)
    throw new InputError(
      `the shape of output ${output.name} depends on what the model computes, so no loss can be written on it; name a value before that with --output-name.`,
    );
  const asked: Asked = { ...place, ...chosen, ...compared };
  const reading = readingOf(asked);
  const { inputs, note } = lossInputs(asked, reading, builder);
  const notes = [note, shiftNote(reading, compared.target, chosen.options)];
  const { needs } = compared;
  const { isNextToken } = reading;
  return {
    ...chosen.loss.write(inputs),
    observed: needs && observe(inputs, { chosen, isNextToken, needs }),
    reading,
    notes: notes.filter((note) => note !== null),
  };
}

/** Writes what the loss is computed from: the prediction and the target. */
function lossInputs(asked: Asked, reading: Reading, written: Builder) {
  const { graph, types, output, options, target, arrays, rows } = asked;
  const type = types.get(output)!;
  const shape = type.shape!;
  const { axis, form, shift } = reading;
  const dtype = type.dtype === "double" ? "double" : "float";
  const prediction = predictionFor(written, { ...asked, axis, dtype });
  const own = { dtype, shape };
  const inputs: LossInputs = {
    ...lossWriter(written, dtype),
    output: { name: prediction.name, ...own },
    form: prediction.form,
    before: prediction.before,
    target: target
      ? { ...targetAs(written, target, { form, axis }, own), form }
      : { name: "", ...own, form },
    axis: axis ?? shape.length - 1,
    shift,
    opset: graph.file.opset,
    arrays: mapValues(arrays, tensorOf),
    others: othersOf({ graph, types }, asked),
    rows,
    options,
  };
  return { inputs, note: prediction.note };
}

const tensorOf = ({ name, type }: LossTarget): LossTensor => ({
  ...type,
  name,
  shape: type.shape!,
});

/** Further outputs that options of a loss name. Throws an InputError if a name is not an output. */
function othersOf(
  { graph, types }: TypedGraph,
  { loss, options }: ChosenLoss,
): Record<string, LossTensor> {
  return Object.fromEntries(
    (loss.others ?? []).flatMap((option) => {
      const name = options[option];
      if (typeof name !== "string") return [];
      const value = graph.main.values.get(name);
      const type = value && types.get(value);
      if (!type?.shape || !isFloat(type.dtype))
        throw new InputError(
          `the ${option} of loss ${loss.name} is ${name}, which is ${value ? "not floats" : "no output"} of ${graph.file.source.name}; it has ${graph.main.outputs.map((output) => output.name).join(", ")}.`,
        );
      return [[option, { name, dtype: type.dtype, shape: type.shape }]];
    }),
  );
}

/** The target as a loss reads it: labels and own shapes as they are, others as the output is. */
function targetAs(
  written: Builder,
  { name, type }: LossTarget,
  { form, axis }: { readonly form: TargetForm; readonly axis: number | null },
  output: Type,
): LossTensor {
  if (form === "own") return tensorOf({ name, type });
  const full = output.shape as readonly number[];
  const shape = form === "labels" ? full.toSpliced(axis!, 1) : full;
  const isClass = form === "labels" && !isFloat(type.dtype);
  const dtype = form === "labels" ? (isClass ? type.dtype : "int64") : output.dtype;
  const cast = written.to.cast(name, dtype, type.dtype);
  const isAs = `${type.shape ?? shape}` === `${shape}`;
  return { name: isAs ? cast : written.to.reshape(cast, shape), dtype, shape };
}
