import { elements, range } from "../../src/onnx/dtypes.ts";
import { positiveOrOne } from "./indicators.ts";
import { maxPool } from "./max-pool.ts";
import { share, shareOf } from "./reductions.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { overlaid, planesOf, poolOf, type Window } from "./window.ts";

/** Poolings over any number of spatial axes. */
export const poolings = {
  AveragePool: (at) => {
    const window = poolOf(at);
    const { op, g, constant, dtype, int } = at;
    const counts = countsOf(window, int("count_include_pad", 0) === 1);
    const inverse = counts.map((count) => 1 / count);
    const weights = new Set(inverse).size === 1 ? { dims: [], values: [inverse[0]] } : null;
    const { dims, values } = weights ?? { dims: [1, 1, ...window.out], values: inverse };
    return [spread(at, op.Mul(g, constant(dtype, dims, values)), window)];
  },
  GlobalAveragePool: (at) => {
    const [n, c, ...size] = at.shape(0);
    const dims = [n, c, ...size.map(() => 1)];
    return [at.write.expand(shareOf(at, elements(size), dims), dims, at.shape(0))];
  },
  // |x|ᵖ⁻¹ sign x · y¹⁻ᵖ
  GlobalLpPool: (at, x) => [at.op.Mul(lpSlope(at, x), lpScale(at, at.y))],
  GlobalMaxPool: (at, x) => [share(at, x, at.y, range(at.shape(0).length).slice(2))],
  LpPool: (at, x) => [at.op.Mul(lpSlope(at, x), spread(at, lpScale(at, at.y), poolOf(at)))],
  MaxPool: maxPool,
  MaxUnpool: ({ op, write, g }, _, indices) => [
    op.Gather(write.reshape(g, [-1]), indices, { axis: 0 }),
  ],
} satisfies VjpTable;

/** g y¹⁻ᵖ, or 0 if y is 0. */
function lpScale(at: GradientNode, y: string) {
  const { op, g, scalar, int } = at;
  const p = int("p", 2);
  if (p === 1) return g;
  const safe = positiveOrOne(at, y);
  return p === 2 ? op.Div(g, safe) : op.Mul(g, op.Pow(safe, scalar(1 - p)));
}

function lpSlope({ op, write, scalar, int, dtype }: GradientNode, x: string) {
  const p = int("p", 2);
  if (p === 1) return write.sign(x, dtype);
  return p === 2 ? x : op.Mul(x, op.Pow(op.Abs(x), scalar(p - 2)));
}

/** Returns, for every position, the sum over the windows that contain it. */
function spread(at: GradientNode, g: string, window: Window): string {
  const { constant, dtype } = at;
  const { kernel, out } = window;
  const ones = constant(dtype, [1, 1, ...kernel], new Array(elements(kernel)).fill(1));
  return overlaid(at, at.write.reshape(g, [planesOf(at), 1, ...out]), ones, window);
}

/** Returns how many positions each window of an average counts, in the order of the windows. */
function countsOf(window: Window, padding: boolean): number[] {
  const { out, size, kernel, strides, dilations, pads } = window;
  const along = out.map((length, k) =>
    range(length).map((place) => {
      const first = place * strides[k] - pads[k];
      const end = padding ? size[k] + pads[k + size.length] : size[k];
      const begin = padding ? -pads[k] : 0;
      return range(kernel[k]).filter((tap) => {
        const at = first + tap * dilations[k];
        return at >= begin && at < end;
      }).length;
    }),
  );
  return along.reduce<number[]>(
    (counts, axis) => counts.flatMap((count) => axis.map((other) => count * other)),
    [1],
  );
}
