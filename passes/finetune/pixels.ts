import { InputError } from "../../src/errors.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { encodeNumbers, numbersOfBytes } from "../../src/graph/tensor.ts";
import { elements, isFloat, isWhole } from "../../src/onnx/dtypes.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Given, Options } from "../../src/options.ts";
import type { Expected } from "./expected.ts";

/** Declarations of how images are made a model's input. */
export const pixelOptions = {
  scale: {
    type: "number",
    range: { above: 0 },
    describe: "multiply the pixels of images by this  [default: 1/255 for uint8]",
  },
  mean: {
    type: "number",
    array: true,
    describe:
      "then subtract this from the pixels: one number, or one for each channel (0.485,0.456,0.406)",
  },
  std: {
    type: "number",
    array: true,
    range: { above: 0 },
    describe: "then divide the pixels by this: one number, or one for each channel",
  },
  layout: {
    type: "string",
    choices: ["nchw", "nhwc"],
    describe: "axis order of the images in the data, if it is not the model's",
  },
} as const satisfies Options;

/** How images are made a model's input. */
export type PixelOptions = Given<ValuesOf<typeof pixelOptions>>;

/** How the rows of an array of images become those of a batch. */
export interface Pixels {
  /** Shape of a stored row, and its axis of channels; null if it has none. */
  readonly stored: readonly number[];
  readonly channel: number | null;
  /** Where the channels go: from last to first, from first to last, or nowhere. */
  readonly move: "first" | "last" | null;
  readonly scale: number | null;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const COLORS: readonly number[] = [1, 3, 4];

/** Returns how an array is read as images, and its turned shape; null if it is not, or none is asked. */
export function picturesOf(
  file: string,
  { name, dtype, shape, role }: Expected,
  { dtype: type, dims }: StoredArray,
  options: PixelOptions,
): { readonly pixels: Pixels; readonly dims: readonly number[] } | null {
  const { scale = null, mean = [0], std = [1], layout } = options;
  const isAsked = Object.values(options).some((value) => value !== undefined);
  if (!isAsked || role !== "input" || dtype === null || !shape) return null;
  const isImages = dims.length === 4;
  // The largest pixel of longer integers is not that of their type, so their scale must be stated.
  const isScaled = isFloat(type) || (scale !== null && isWhole(type));
  const isPixels = isFloat(dtype) && (type === "uint8" || (isImages && isScaled));
  if (!isPixels && !(isImages && layout && type === dtype)) return null;
  const move = isImages ? moveOf(shape, dims, layout) : null;
  const isLast = isImages && (layout === "nhwc" || (!layout && lastIsChannel(dims)));
  const channel = isImages ? (isLast ? 2 : 0) : null;
  const stored = dims.slice(1);
  const colors = channel === null ? 1 : stored[channel];
  for (const [option, values] of Object.entries({ mean, std }))
    if (values.length !== 1 && values.length !== colors)
      throw new InputError(
        `--${option} has ${values.length} numbers, and array ${name} of ${file} has ${colors} ${colors === 1 ? "channel" : "channels"}; give one number, or one for each.`,
      );
  const [rows, a, b, c] = dims;
  const turned = move === "first" ? [rows, c, a, b] : move === "last" ? [rows, b, c, a] : dims;
  return { pixels: { stored, channel, move, scale, mean, std }, dims: turned };
}

/** Returns a sentence for each option of images that is given, for data without any. */
export const idlePixels = (given: PixelOptions): string[] =>
  Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `${name} has no effect: no input is read as images.`);

const lastIsChannel = ([, first, , last]: readonly number[]) =>
  COLORS.includes(last) && !COLORS.includes(first);

/** Where channels must go so that the data fits the model; nowhere if it fits as it is. */
function moveOf(
  shape: NonNullable<Expected["shape"]>,
  [rows, a, b, c]: readonly number[],
  layout: PixelOptions["layout"],
): Pixels["move"] {
  const fits = (dims: readonly number[]) =>
    shape.every((dim, k) => k === 0 || typeof dim !== "number" || dim === dims[k]);
  if (layout === "nhwc" && fits([rows, c, a, b])) return "first";
  // The model has its channels last, and the data first.
  const isLast = typeof shape[3] === "number" && typeof shape[1] !== "number";
  const takesLast = isLast || !fits([rows, a, b, c]);
  return layout === "nchw" && takesLast && fits([rows, b, c, a]) ? "last" : null;
}

/** Returns rows of images as those of a batch: scaled, less the mean, by the deviation, in order. */
export function normalizedPixels(
  bytes: Uint8Array,
  from: string,
  to: string,
  { stored, channel, move, scale, mean, std }: Pixels,
): Uint8Array {
  const values = numbersOfBytes(from, bytes);
  const size = elements(stored);
  const behind = channel === null ? size : elements(stored.slice(channel + 1));
  const colors = channel === null ? 1 : stored[channel];
  const area = size / colors;
  const factor = scale ?? defaultScale(from, to);
  const result = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) {
    const at = k % size;
    const color = Math.floor(at / behind) % colors;
    const less = mean.length > 1 ? mean[color] : mean[0];
    const by = std.length > 1 ? std[color] : std[0];
    const place =
      move === "first"
        ? color * area + Math.floor(at / colors)
        : move === "last"
          ? (at % area) * colors + color
          : at;
    result[k - at + place] = (Number(values[k]) * factor - less) / by;
  }
  return encodeNumbers(to, result);
}

/** Says how pixels are taken. */
export function pixelsNote(
  file: string,
  name: string,
  [from, to]: readonly [from: string, to: string | null],
  { scale, mean, std, move }: Pixels,
): string {
  const factor = scale ?? defaultScale(from, to);
  const by = factor === 1 / 255 ? "1/255" : String(factor);
  const isPlain = factor === 1 && `${mean}` === "0" && `${std}` === "1";
  const values = isPlain
    ? `pixels are taken as they are${move ? `, their channels ${move}` : ""}`
    : `pixels are taken times ${by}, less ${mean.join(", ")}, over ${std.join(", ")}`;
  return `array ${name} of ${file} is ${from}: ${values}.`;
}

const defaultScale = (from: string, to: string | null) =>
  from === "uint8" && to !== null && isFloat(to) ? 1 / 255 : 1;
