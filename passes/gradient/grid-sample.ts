import { elements, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { type Along, alongAxis, productOf, type SampleTap } from "./sample-taps.ts";

/** Sampling at computed positions, over two or three spatial axes. */
export const samplings = {
  GridSample: (at, x) => {
    const { write, g, shape, outShape, needs } = at;
    const [n, c, ...size] = shape(0);
    const places = outShape(0).slice(2);
    const count = n * elements(places);
    const rows = (v: string, sizes: readonly number[]) =>
      write.reshape(channelsLast(at, v, sizes.length + 2), [n * elements(sizes), c]);
    const axes = size.map((_, k) => alongAxis(at, k, count));
    const taps = tapsOf(axes);
    const cotangent = rows(g, places);
    const rest = { at, taps, cotangent, count };
    return [needs[0] ? toImage(rest) : null, needs[1] ? toGrid(rest, rows(x, size), axes) : null];
  },
} satisfies VjpTable;

/** A corner of the cell around each position, by axis. */
type Corner = readonly SampleTap[];

interface Sampling {
  readonly at: GradientNode;
  readonly taps: readonly Corner[];
  /** [N · positions, C]. */
  readonly cotangent: string;
  /** N · positions. */
  readonly count: number;
}

function channelsLast({ op }: GradientNode, v: string, rank: number): string {
  return op.Transpose(v, { perm: [0, ...range(rank - 2).map((k) => k + 2), 1] });
}

/** Returns every choice of one tap for each axis. */
const tapsOf = (axes: readonly Along[]): Corner[] =>
  axes.reduce<Corner[]>(
    (corners, { taps }) => corners.flatMap((corner) => taps.map((tap) => [...corner, tap])),
    [[]],
  );

/** Returns the row of the image that a corner reads, [N · positions]. */
function rowsOf({ at, count }: Pick<Sampling, "at" | "count">, corner: Corner): string {
  const { op, write, shape, constant } = at;
  const [n, , ...size] = shape(0);
  const scalar = (value: number) => constant("int64", [], [value]);
  const flat = corner
    .map(({ index }) => write.cast(index, "int64"))
    .reduce((sum, index, axis) => op.Add(op.Mul(sum, scalar(size[axis])), index));
  if (n === 1) return flat;
  const first = range(n).map((k) => k * elements(size));
  const offset = op.Add(write.reshape(flat, [n, count / n]), constant("int64", [n, 1], first));
  return write.reshape(offset, [count]);
}

function toImage({ at, taps, cotangent, count }: Sampling): string {
  const { op, write, shape, dtype } = at;
  const [n, c, ...size] = shape(0);
  const sum = taps.reduce(
    (image, corner) => {
      const weights = corner.map((tap) => tap.weight);
      const weight = productOf(at, weights);
      const part = weight ? op.Mul(cotangent, write.unsqueeze(weight, [1])) : cotangent;
      const rows = write.unsqueeze(rowsOf({ at, count }, corner), [1]);
      return write.scatterAdd(image, write.expand(rows, [count, 1], [count, c]), part, 0);
    },
    write.zeros([n * elements(size), c], dtype),
  );
  const rank = size.length + 2;
  const perm = [0, rank - 1, ...range(size.length).map((k) => k + 1)];
  return op.Transpose(write.reshape(sum, [n, ...size, c]), { perm });
}

/** The sum over the channels of what each corner reads, times the slope of its weight. */
function toGrid(sampling: Sampling, image: string, axes: readonly Along[]): string {
  const { at, taps, cotangent, count } = sampling;
  const { op, write, shape, dtype } = at;
  const parts = axes.map((): string[] => []);
  for (const corner of taps) {
    const read = op.Gather(image, rowsOf(sampling, corner), { axis: 0 });
    const along = write.reduce("ReduceSum", op.Mul(cotangent, read), [1], false);
    for (const [k, { slope }] of corner.entries()) {
      if (slope === null) continue;
      const others = corner.map(({ weight }, axis) => (axis === k ? slope : weight));
      parts[k].push(productOf(at, [along, ...others])!);
    }
  }
  const columns = parts.map((taps, k) => {
    const { stretch } = axes[k];
    if (stretch === null) return write.zeros([count, 1], dtype);
    const sum = taps.reduce((a, b) => op.Add(a, b));
    return write.reshape(op.Mul(sum, stretch), [count, 1]);
  });
  // The grid states the last axis first.
  return write.reshape(op.Concat(columns.reverse(), { axis: 1 }), shape(1));
}
