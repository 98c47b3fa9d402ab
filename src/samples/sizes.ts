import { attribute, type Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import { isFloat } from "../graph/types.ts";
import type { Type } from "../onnx/shape.ts";
import type { Sizing } from "./attempts.ts";

const IMAGE = [224, 256, 64, 32, 512, 128, 640, 48];
/** Of films and volumes, whose elements grow with the third power. */
const VOLUME = [32, 64, 16, 8, 112, 48, 128, 96];
const WAVE = [16000, 4000, 1024, 512, 160, 48000];
const SEQUENCE = [8, 16, 32, 64, 128, 256, 512];
const CHANNELS = [3, 1, 4];
const PAST = 8;

/** A free dimension of an input. */
interface FreeDimension {
  readonly input: Value;
  readonly type: Type;
  readonly axis: number;
  readonly name: string;
}

/**
 * Returns a size for a free dimension: the one that an attempt names, or the `step`-th of those
 * usual at its position.
 */
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
  if (rank === 2) return at(WAVE);
  return at(SEQUENCE);
}

/** Returns the number of channels that a convolution on the input takes. */
function channels(input: Value): number | null {
  for (const { node, index } of input.uses) {
    const weight = node.inputs[1]?.initializer;
    if (node.op === "Conv" && index === 0 && weight?.dims)
      return weight.dims[1] * (attribute(node, "group")?.i ?? 1);
  }
  return null;
}
