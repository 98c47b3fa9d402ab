import { whereAbove, whereEqual } from "./indicators.ts";
import type { GradientNode } from "./rule.ts";

/** One position along an axis that an output reads; all values are [N · positions]. */
export interface SampleTap {
  /** Integers inside the image, as floats. */
  readonly index: string;
  /** Its weight; null for 1. */
  readonly weight: string | null;
  /** The derivative of the weight by the coordinate; null for 0. */
  readonly slope: string | null;
}

/** What is read along an axis. */
export interface Along {
  readonly taps: readonly SampleTap[];
  /** The derivative of the coordinate by the grid; null if samples are constant between positions. */
  readonly stretch: string | null;
}

/** An axis of the image, and what is read beyond its ends. */
interface Axis {
  readonly at: GradientNode;
  readonly size: number;
  /** Whether −1 and 1 are the centers of the first and the last position, not their edges. */
  readonly aligned: boolean;
  readonly padding: string;
}

/** Multiplies factors; null stands for 1. */
export const productOf = (
  { op }: GradientNode,
  factors: readonly (string | null)[],
): string | null =>
  factors.reduce((a, b) => (a === null ? b : b === null ? a : op.Mul(a, b)), null);

/** Reads the grid along a spatial axis: which positions, with which weights. */
export function alongAxis(at: GradientNode, k: number, count: number): Along {
  const { op, write, scalar, shape, int, text, refuse } = at;
  const [size, rank] = [shape(0)[k + 2], shape(1).length];
  const place = shape(0).length - 3 - k;
  const aligned = int("align_corners", 0) === 1;
  const axis: Axis = { at, size, aligned, padding: text("padding_mode", "zeros") };
  const given = write.reshape(write.slice(at.like(1), [place], [place + 1], [rank - 1]), [count]);
  const scale = scalar(aligned ? (size - 1) / 2 : size / 2);
  const coordinate = op.Add(op.Mul(given, scale), scalar((size - 1) / 2));
  switch (text("mode", "linear")) {
    case "nearest":
      return { taps: [tapAt(axis, op.Round(coordinate), null, null)], stretch: null };
    case "linear":
    case "bilinear": {
      const taps = linear(axis, coordinate);
      return { taps, stretch: productOf(at, [scale, inside(axis, coordinate)]) };
    }
    case "cubic":
    case "bicubic":
      return { taps: cubic(axis, coordinate), stretch: scale };
    default:
      return refuse(`its mode is ${text("mode", "linear")}`);
  }
}

function linear(axis: Axis, coordinate: string): SampleTap[] {
  const { op, scalar } = axis.at;
  const first = op.Floor(coordinate);
  const part = op.Sub(coordinate, first);
  return [
    tapAt(axis, first, op.Sub(scalar(1), part), scalar(-1)),
    tapAt(axis, op.Add(first, scalar(1)), part, scalar(1)),
  ];
}

const A = -0.75;
/** Weights of a tap at a distance of at most 1, and of 1 to 2: coefficients, the highest first. */
const [NEAR, FAR] = [
  [A + 2, -A - 3, 0, 1],
  [A, -5 * A, 8 * A, -4 * A],
];

function cubic(axis: Axis, coordinate: string): SampleTap[] {
  const { op, scalar } = axis.at;
  const first = op.Floor(coordinate);
  const part = op.Sub(coordinate, first);
  const less = op.Sub(scalar(1), part);
  const tap = (by: number, distance: string, weights: readonly number[]) => {
    const [cube, square, linear] = weights;
    const slope = polynomial(axis.at, distance, [3 * cube, 2 * square, linear]);
    const index = by === 0 ? first : op.Add(first, scalar(by));
    const weight = polynomial(axis.at, distance, weights);
    return tapAt(axis, index, weight, by > 0 ? op.Neg(slope) : slope);
  };
  return [
    tap(-1, op.Add(part, scalar(1)), FAR),
    tap(0, part, NEAR),
    tap(1, less, NEAR),
    tap(2, op.Add(less, scalar(1)), FAR),
  ];
}

const polynomial = (
  { op, scalar }: GradientNode,
  x: string,
  [first, ...others]: readonly number[],
): string => others.reduce((sum, value) => op.Add(op.Mul(sum, x), scalar(value)), scalar(first));

/** Moves a position into the image; beyond its ends, the weight is 0 if the padding is zeros. */
function tapAt(
  axis: Axis,
  position: string,
  weight: string | null,
  slope: string | null,
): SampleTap {
  const { at, size, padding } = axis;
  const from = padding === "reflection" ? reflected(axis, position) : position;
  const index = at.write.clip(from, 0, size - 1, at.dtype);
  if (padding !== "zeros") return { index, weight, slope };
  const mask = whereEqual(at, index, position);
  return {
    index,
    weight: productOf(at, [weight, mask]),
    slope: slope && productOf(at, [slope, mask]),
  };
}

/** Reflects coordinates at the centers of the first and last position, or at their edges. */
function reflected({ at, size, aligned }: Axis, v: string): string {
  const { op, scalar } = at;
  const [half, length] = aligned ? [0, size - 1] : [0.5, size];
  if (length === 0) return v;
  const from = half === 0 ? v : op.Add(v, scalar(half));
  const within = op.Mod(op.Abs(from), scalar(2 * length), { fmod: 1 });
  const back = op.Sub(scalar(length), op.Abs(op.Sub(within, scalar(length))));
  return half === 0 ? back : op.Sub(back, scalar(half));
}

/**
 * Returns 1 where a coordinate lies between the first and the last position, otherwise 0; null if
 * the padding is zeros. At the ends PyTorch counts it as beyond them.
 */
function inside(axis: Axis, coordinate: string): string | null {
  const { at, size, padding } = axis;
  const { op, write, scalar, dtype } = at;
  if (padding === "zeros") return null;
  const v = padding === "reflection" ? reflected(axis, coordinate) : coordinate;
  const clipped = write.clip(v, 0, size - 1, dtype);
  return whereAbove(at, op.Mul(clipped, op.Sub(scalar(size - 1), clipped)));
}
