import { range } from "./broadcasting.ts";
import type { Applied } from "./rule.ts";

/** A window that slides over spatial axes, with the padding that auto_pad comes to. */
export interface Window {
  /** Sizes of the axes slid over, and how many places there are along each. */
  readonly size: readonly number[];
  readonly out: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins, then ends. */
  readonly pads: readonly number[];
  readonly group: number;
}

/**
 * The window of a convolution or pooling over axes of `size` with `out` places. What auto_pad or
 * output_shape leave to be found out follows from these.
 */
export function windowOf(
  { ints, int, text }: Applied,
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
  const total = (k: number) => Math.max(0, span(k) + extra[k] - size[k]);
  const side = (k: number, end: boolean) => {
    const larger = Math.ceil(total(k) / 2);
    const smaller = Math.floor(total(k) / 2);
    return end === (auto === "SAME_UPPER") ? larger : smaller;
  };
  const found = auto.startsWith("SAME") || (asked !== null && ints("pads") === null);
  const none = range(2 * kernel.length).map(() => 0);
  const pads = found
    ? [...kernel.map((_, k) => side(k, false)), ...kernel.map((_, k) => side(k, true))]
    : auto === "VALID"
      ? none
      : (ints("pads") ?? none);
  return { size, out, kernel, strides, dilations, pads, group: int("group", 1) };
}
