import { elements, identity, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode } from "./rule.ts";

/** A window that slides over spatial axes, with explicit padding. */
export interface Window {
  /** Sizes of the spatial axes, and numbers of positions along each. */
  readonly size: readonly number[];
  readonly out: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** All starts, then all ends. */
  readonly pads: readonly number[];
  readonly group: number;
}

/**
 * Returns the window of a convolution or pooling over axes of `size` with `out` positions, from
 * which the values for auto_pad and output_shape follow.
 */
export function windowOf(
  { ints, int, text }: GradientNode,
  kernel: readonly number[],
  size: readonly number[],
  out: readonly number[],
): Window {
  const ones = kernel.map(() => 1);
  const strides = ints("strides") ?? ones;
  const dilations = ints("dilations") ?? ones;
  const auto = text("auto_pad", "NOTSET");
  const span = (k: number) => (out[k] - 1) * strides[k] + dilations[k] * (kernel[k] - 1) + 1;
  const extra = ints("output_padding") ?? kernel.map(() => 0);
  const asked = ints("output_shape");
  const side = (k: number, end: boolean) => {
    const half = Math.max(0, span(k) + extra[k] - size[k]) / 2;
    return end === (auto === "SAME_UPPER") ? Math.ceil(half) : Math.floor(half);
  };
  const isComputed = auto.startsWith("SAME") || asked !== null;
  const none = range(2 * kernel.length).map(() => 0);
  const pads = isComputed
    ? [...kernel.map((_, k) => side(k, false)), ...kernel.map((_, k) => side(k, true))]
    : auto === "VALID"
      ? none
      : (ints("pads") ?? none);
  return { size, out, kernel, strides, dilations, pads, group: int("group", 1) };
}

/** Returns the window of a pooling. */
export const poolOf = (at: GradientNode): Window =>
  windowOf(at, at.ints("kernel_shape")!, at.shape(0).slice(2), at.outShape(0).slice(2));

/** Returns filters [taps, 1, kernel …] that each read one place of a window. */
export function oneTap({ constant, dtype }: GradientNode, kernel: readonly number[]): string {
  const taps = elements(kernel);
  return constant(dtype, [taps, 1, ...kernel], identity(taps));
}

/** Returns the images that a pooling covers: each channel of each example is one. */
export const planesOf = ({ shape }: GradientNode) => elements(shape(0).slice(0, 2));

/**
 * Adds up the overlapping windows of a pooling: planes [N · C, taps, positions …], and w [taps, 1,
 * kernel …], which says where each tap goes. Returns the input's shape.
 */
export function overlaid(
  { op, write, shape }: GradientNode,
  planes: string,
  w: string,
  { size, kernel, strides, dilations, pads, out }: Window,
): string {
  const spread = op.ConvTranspose(planes, w, null, { dilations, strides });
  const begins = pads.slice(0, size.length);
  const ends = size.map((length, k) => {
    const covered = (out[k] - 1) * strides[k] + dilations[k] * (kernel[k] - 1) + 1;
    return begins[k] + length - covered;
  });
  const crop = [0, 0, ...begins.map((pad) => -pad), 0, 0, ...ends];
  return write.reshape(crop.some((by) => by !== 0) ? write.pad(spread, crop) : spread, shape(0));
}
