import type { Tensor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { checkSizesOf, freeName } from "../graph/bound.ts";
import { attribute, type Types, type Use, type Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import { elements, isFloat, showShape, type Type } from "../onnx/dtypes.ts";
import type { Tensors } from "../ort/session.ts";
import type { Attempt, Sampled, Sizing } from "./attempts.ts";
import { filler } from "./random-inputs.ts";

/** A user's settings for random inputs; they have no effect if the inputs are given. */
export interface SampleOptions {
  /** Sizes of free dimensions by name; an unnamed one is "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
}

/** Maximum size in bytes of one set of random inputs of the first sizes. */
const LARGEST = 1 << 30;
/** The same for later sizes, because a model's own values may be a hundred times as large. */
const LARGEST_OTHER = 1 << 26;

/** One set of inputs, and the attempt that they are drawn for. */
export interface Drawn {
  readonly attempt: Attempt;
  readonly feeds: Tensors;
}

/** Draws one set of inputs, and the sizes of its free dimensions. */
export type Draw = (
  attempt: Attempt,
  round: number,
) => { feeds: Tensors; dims: Record<string, number> };

/** Returns a function that draws inputs. Throws an InputError for an unknown dimension. */
export function drawer(model: Sampled, options: SampleOptions): Draw {
  checkNames(model, options);
  const { graph, types } = model;
  const fill = filler(model, options.seed ?? 0);
  const given = options.dims ?? {};
  // A mask has the length of the sequence that it masks, which other inputs show.
  const inputs = [...graph.main.inputs].sort(
    (a, b) => Number(isWave(types.get(a))) - Number(isWave(types.get(b))),
  );
  return (attempt, round) => {
    const dims: Record<string, number> = Object.create(null);
    const feeds: Record<string, Tensor> = Object.create(null);
    const { step, size, beside, batch } = attempt;
    const isFirst = step === 0 && size === undefined && !beside && batch === undefined;
    let bytes = 0;
    for (const input of inputs) {
      const type = types.get(input);
      if (!type?.shape)
        throw new InputError(
          `input ${input.name} is not a tensor of known rank; give inputs with --inputs.`,
        );
      const shape = type.shape.map((dim, axis) => {
        if (typeof dim === "number") return dim;
        const name = freeName(input.name, axis, dim);
        if (axis === 0 && batch?.input === input.name && own(given, name) === undefined)
          return batch.size;
        dims[name] ??=
          own(given, name) ??
          (attempt.beside ? stated(inputs, types, [axis, type.shape!.length]) : null) ??
          sizeOf({ input, type, axis, name }, attempt, given);
        return dims[name];
      });
      bytes += elements(shape) * 8;
      if (shape.some((dim) => dim < 0) || bytes > (isFirst ? LARGEST : LARGEST_OTHER))
        throw new InputError(
          `input ${input.name} has shape ${showShape(shape)}, which is too large for random inputs; give --dim or --inputs.`,
        );
      feeds[input.name] = fill({ input, dtype: type.dtype, shape, attempt, round });
    }
    return { feeds, dims };
  };
}

/** Returns the size of an axis that an input of this rank states; null if none does. */
function stated(inputs: readonly Value[], types: Types, [axis, rank]: readonly number[]) {
  const shapes = inputs.map((input) => types.get(input)?.shape ?? []);
  const sizes = shapes.map((shape) => (shape.length === rank ? shape[axis] : null));
  return sizes.find((size) => typeof size === "number") ?? null;
}

function checkNames({ graph, types }: Sampled, { dims }: SampleOptions): void {
  const names = new Set(
    graph.main.inputs.flatMap((input) =>
      (types.get(input)?.shape ?? []).flatMap((dim, axis) =>
        typeof dim === "number" ? [] : freeName(input.name, axis, dim),
      ),
    ),
  );
  checkSizesOf(graph.file, names, dims ?? {}, 0);
}

const IMAGE = [224, 256, 64, 32, 512, 128, 640, 48];
/** Of films and volumes, whose elements grow with the third power. */
const VOLUME = [32, 64, 16, 8, 112, 48, 128, 96];
/** First a quarter of a second: comparing all samples of a second with each other takes gigabytes. */
const WAVE = [4000, 16000, 1024, 512, 160, 48000];
const SEQUENCE = [8, 16, 32, 64, 128, 256, 512];
const CHANNELS = [3, 1, 4];
const PAST = 8;

interface FreeDimension {
  readonly input: Value;
  readonly type: Type;
  readonly axis: number;
  readonly name: string;
}

/** Returns a free dimension's size: the attempt's, or the `step`-th usual at its position. */
export function sizeOf(
  { input, type: { dtype, shape }, axis, name }: FreeDimension,
  { step, size, batch }: Sizing,
  given: Readonly<Record<string, number>>,
): number {
  const at = (ladder: readonly number[]) => size ?? ladder[Math.min(step, ladder.length - 1)];
  const known = (part: string) =>
    own(given, part) ??
    (/^\d+$/.test(part) ? Number(part) : /past/.test(part) ? PAST : at(SEQUENCE));
  if (/\+/.test(name)) return name.split("+").reduce((sum, part) => sum + known(part.trim()), 0);
  if (/total/i.test(name)) return known("past") + known("sequence_length");
  if (/past/i.test(name)) return PAST;
  if (axis === 0 || /batch/i.test(name)) return batch?.input === null ? batch.size : 1;
  const rank = shape!.length;
  if (!isFloat(dtype)) return at(SEQUENCE);
  const last = shape![rank - 1];
  if (rank >= 4 && axis === 1 && typeof last !== "number") return channels(input) ?? at(CHANNELS);
  if (rank >= 4) return at(rank > 4 ? VOLUME : IMAGE);
  return at(isWave({ dtype, shape }) ? WAVE : SEQUENCE);
}

/** Whether a type may be that of sound: a batch of rows of floats. */
const isWave = (type: Type | undefined): boolean =>
  type?.shape?.length === 2 && isFloat(type.dtype);

/** Returns the number of channels that a convolution on the input takes. */
function channels({ uses }: Value): number | null {
  const weightOf = ({ node, index }: Use) =>
    node.op === "Conv" && index === 0 ? node.inputs[1]?.initializer : null;
  const use = uses.find(weightOf);
  return use ? weightOf(use)!.dims[1] * (attribute(use.node, "group")?.i ?? 1) : null;
}
