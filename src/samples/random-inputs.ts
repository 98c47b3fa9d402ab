import type { Tensor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { attribute, type Types, type Value } from "../graph/graph.ts";
import { normal, uniform } from "../graph/random.ts";
import { encodeNumbers } from "../graph/tensor.ts";
import { dataTypeNamed, elements, hasTensors, isFloat, placeOfAxis } from "../onnx/dtypes.ts";
import { tensorOfBytes } from "../ort/tensors.ts";
import { type Accepted, acceptedAt, arrivals, comparedWith } from "./accepted.ts";
import type { Attempt, Sampled } from "./attempts.ts";

interface Request {
  readonly input: Value;
  readonly dtype: string;
  readonly shape: number[];
  readonly attempt: Attempt;
  /** Numbers the sets of inputs. */
  readonly round: number;
}

interface Setting extends Sampled {
  readonly seed: number;
}

/** Returns a function that draws seeded random inputs, and caches each until its attempt changes. */
export function filler(model: Sampled, seed: number): (request: Request) => Tensor {
  const last = new Map<string, { readonly key: string; readonly tensor: Tensor }>();
  return (request) => {
    const { input, dtype, shape, attempt, round } = request;
    const drawn = isFloat(dtype) ? [attempt.floats] : [attempt.integers, attempt.turn];
    const key = JSON.stringify([shape, ...drawn]);
    const place = `${round} ${input.name}`;
    const known = last.get(place);
    if (known?.key === key) return known.tensor;
    const tensor = randomTensor({ ...model, seed }, request);
    last.set(place, { key, tensor });
    return tensor;
  };
}

/** Draws one input. Throws an InputError for a type that has no random values. */
function randomTensor(setting: Setting, request: Request): Tensor {
  const { ort, graph } = setting;
  const { input, dtype, shape, attempt } = request;
  const refuse = (why: string) =>
    new InputError(`input ${input.name} of ${graph.file.source.name} is of type ${dtype}, ${why}.`);
  const fill = <T>(value: T): T[] => new Array(elements(shape)).fill(value);
  if (dtype === "string") return new ort.Tensor("string", fill("a"), shape);
  if (!hasTensors(dtype))
    throw refuse("which onnxruntime's JavaScript API does not support; convert the model to float");
  if (dtype === "bool")
    return new ort.Tensor("bool", fill(isMask(input) || attempt.turn % 2 === 0), shape);
  if (!dataTypeNamed(dtype)?.array)
    throw refuse("for which there are no random inputs; give --inputs");
  const draw = isFloat(dtype) ? floats(setting, request) : integers(setting, request);
  const numbers = new Float64Array(elements(shape));
  for (let k = 0; k < numbers.length; k++) numbers[k] = draw();
  // Along the last axis, like the corners of a box, starts and ends, or times.
  const width = shape.at(-1) ?? 1;
  if (attempt.integers === "sorted" && !isFloat(dtype))
    for (let at = 0; at < numbers.length; at += width) numbers.subarray(at, at + width).sort();
  return tensorOfBytes(ort, dtype, encodeNumbers(dtype, numbers), shape);
}

/** Largest number of settings in an input beside others, such as a speed and two scales. */
const SETTINGS = 4;
/** Around 1, because a setting divides a duration or scales noise: a speed of 0.01 makes hours of sound. */
const SETTING: Accepted = [0.5, 1.5];

const isMask = ({ name }: Value) => /mask/i.test(name);

/** Floats: 1 in masks, around 1 in settings, within what the operators accept, otherwise normal. */
function floats({ graph, seed }: Setting, { input, shape, attempt, round }: Request): () => number {
  const next = uniform(seed + round, input.name);
  const isSetting =
    shape.length <= 1 && elements(shape) <= SETTINGS && graph.main.inputs.length > 1;
  const accepted = acceptedAt(input, true) ?? (isSetting ? SETTING : null);
  if (isMask(input)) return () => 1;
  if (accepted) return () => accepted[0] + next() * (accepted[1] - accepted[0]);
  const either = normal(next);
  return attempt.floats === "normal" ? either : () => Math.abs(either());
}

/** Integers: a number that the model compares the input with, one that is accepted, or an index. */
function integers(setting: Setting, { input, shape, attempt, round }: Request): () => number {
  const { types, seed } = setting;
  const next = uniform(seed + round, input.name);
  if (elements(shape) === 1 && attempt.integers === "bounded") {
    const named = comparedWith(input).filter(Number.isSafeInteger)[attempt.turn];
    if (named !== undefined) return () => named;
  }
  if (isMask(input) || attempt.integers === "ones") return () => 1;
  if (attempt.integers === "zeros") return () => 0;
  const [low, high] = acceptedAt(input, false) ?? [0, bound(types, input)];
  const range = attempt.integers === "few" ? Math.min(FEW, high - low) : high - low;
  return () => low + Math.floor(next() * range);
}

const UNBOUNDED = 100;
const FEW = 4;

/** Returns the exclusive upper bound of an integer input: the size of the tables it indexes. */
function bound(types: Types, input: Value): number {
  let least = Infinity;
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses) {
      if (node.op !== "Gather" || index !== 1 || !node.inputs[0]) continue;
      const table = types.get(node.inputs[0])?.shape;
      const axis = attribute(node, "axis")?.i ?? 0;
      const size = table?.[placeOfAxis(axis, table.length)];
      if (typeof size === "number") least = Math.min(least, size);
    }
  return least === Infinity ? UNBOUNDED : least;
}
