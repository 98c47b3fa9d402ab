import { InputError } from "../../src/errors.ts";
import type { Graph, Types, Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { isFloat, type Type } from "../../src/onnx/dtypes.ts";
import { fits, fitsLabels } from "../losses/class-target.ts";
import type { Reads } from "../losses/loss.ts";

/** The output that a loss is attached to. */
export interface OutputForLoss {
  readonly value: Value;
  /** Why it is not the output that the caller named, a sentence; null if it is. */
  readonly note: string | null;
}

interface ChosenFor {
  readonly reads: Reads;
  readonly target: Type | null;
  /** Whether the output is the loss itself: a scalar, or one number a row. */
  readonly isLoss?: boolean;
  /** The weights that are trained. */
  readonly trained?: readonly Value[];
}

/**
 * Returns the output of a name, or the only one of floats, or the only one of these that the
 * target fits, or that the trained weights can change. If an output holds class numbers, returns
 * the scores that its ArgMax reads. Throws an InputError if several are possible or none is.
 */
export function outputForLoss(
  { file, main }: Graph,
  types: Types,
  name: string | null,
  chosenFor: ChosenFor | null = null,
): OutputForLoss {
  const { outputs } = main;
  if (name !== null) return namedOutput({ file, main }, types, name);
  const floats = outputs.filter((output) => isFloat(types.get(output)?.dtype));
  if (floats.length === 1) return { value: floats[0], note: null };
  if (floats.length === 0) {
    const candidates = outputs.flatMap((output) => scoresOf(types, output) ?? []);
    const distinct = new Set(candidates.map(({ value }) => value));
    if (distinct.size === 1) return candidates[0];
    throw new InputError(
      `${file.source.name} has no float output to train; it has ${namesOf(outputs)}; name a float value with --output-name.`,
    );
  }
  const lossLike = chosenFor?.isLoss ? floats.filter((output) => isLossLike(types, output)) : [];
  const named =
    lossLike.length > 1 ? lossLike.filter((output) => output.name === "loss") : lossLike;
  if (named.length === 1) return { value: named[0], note: null };
  const names = namesOf(floats);
  const alone = (value: Value, why: string): OutputForLoss => ({
    value,
    note: `the loss is computed on output ${value.name}: of ${names}, only this one ${why}; --output-name takes another.`,
  });
  const fitting = chosenFor ? floats.filter((output) => takes(types, output, chosenFor)) : [];
  if (fitting.length === 1) return alone(fitting[0], "fits the target");
  const predictions = floats.filter((output) => !CACHE.test(output.name));
  if (predictions.length === 1) return alone(predictions[0], "is not a cache");
  const possible = fitting.length > 0 ? fitting : predictions;
  const trained = new Set<Value | null>(chosenFor?.trained);
  const changing = possible.filter((output) =>
    [...walk([output], sourcesOf)].some((at) => trained.has(at)),
  );
  if (changing.length === 1) return alone(changing[0], "depends on what is trained");
  throw new InputError(
    `${file.source.name} has ${floats.length} float outputs; choose one of ${names} with --output-name.`,
  );
}

/** The output, or inner value, of a name; the scores that it is chosen from if it holds classes. */
function namedOutput(
  { file, main }: Pick<Graph, "file" | "main">,
  types: Types,
  name: string,
): OutputForLoss {
  const { outputs } = main;
  const value = outputs.find((output) => output.name === name) ?? main.values.get(name);
  if (!value)
    throw new InputError(`${file.source.name} has no output ${name}; it has ${namesOf(outputs)}.`);
  const dtype = types.get(value)?.dtype;
  if (isFloat(dtype) || !types.has(value)) return { value, note: null };
  const scores = scoresOf(types, value);
  if (scores) return scores;
  const floats = outputs.filter((output) => isFloat(types.get(output)?.dtype));
  throw new InputError(
    `output ${name} of ${file.source.name} is ${dtype}, but a loss takes floats; ${floats.length > 0 ? `give --output-name ${floats.map((output) => output.name).join(" or ")}` : "name a value of floats with --output-name"}.`,
  );
}

const namesOf = (values: readonly Value[]) => values.map(({ name }) => name).join(", ") || "none";

/** What exporters call the keys and values that a decoder hands on to its next call. */
const CACHE = /^present([._]|_?key|$)/;

/** The scores whose largest an output names; null if it names none. */
function scoresOf(types: Types, output: Value): OutputForLoss | null {
  let at: Value | null = output;
  while (at?.producer && hasFact(at.producer.op, "reshapes")) at = at.producer.inputs[0];
  const node = at?.producer;
  const value = node && hasFact(node.op, "chooses") ? node.inputs[0] : null;
  if (!node || !value || !isFloat(types.get(value)?.dtype)) return null;
  return {
    value,
    note: `output ${output.name} is made by ${node.op} and has no gradient; the loss is computed on ${value.name}, which ${node.op} reads.`,
  };
}

/** Whether an output is one number, or one for each row. */
const isLossLike = (types: Types, output: Value) =>
  (types.get(output)?.shape ?? [0, 0]).slice(1).every((size) => size === 1);

function takes(types: Types, output: Value, { reads, target, isLoss }: ChosenFor): boolean {
  if (isLoss) return false;
  const shape = types.get(output)?.shape;
  if (!shape || !target?.shape) return false;
  if (reads !== "classes") return fits(shape, target);
  // A single class leaves nothing to choose.
  return shape.some((size, axis) => {
    if (axis === 0 || size === 1) return false;
    return fits(shape, target) || fitsLabels(shape, axis, target);
  });
}
