import { product, range } from "./broadcasting.ts";
import { share } from "./reductions.ts";
import type { Applied, VjpTable } from "./rule.ts";
import { type Window, windowOf } from "./window.ts";

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
  GlobalAveragePool: ({ op, write, g, scalar, shape }) => {
    const [n, c, ...size] = shape(0);
    const each = op.Div(g, scalar(product(size)));
    return [write.expand(each, [n, c, ...size.map(() => 1)], shape(0))];
  },
  // |x|ᵖ⁻¹ sign x · y¹⁻ᵖ
  GlobalLpPool: (at, x) => {
    const { op, y } = at;
    return [op.Mul(lpSlope(at, x), lpScale(at, y))];
  },
  GlobalMaxPool: (at, x) => [share(at, x, at.y, spatial(at))],
  LpPool: (at, x) => [at.op.Mul(lpSlope(at, x), spread(at, lpScale(at, at.y), poolOf(at)))],
  MaxPool: (at, x) => maxPool(at, x),
} satisfies VjpTable;

const spatial = ({ shape }: Applied) => range(shape(0).length).slice(2);

const poolOf = (at: Applied): Window =>
  windowOf(at, at.ints("kernel_shape")!, at.shape(0).slice(2), at.outShape(0).slice(2));

/** g y¹⁻ᵖ, 0 where y is. */
function lpScale({ op, write, g, scalar, int, dtype }: Applied, y: string) {
  const p = int("p", 2);
  if (p === 1) return g;
  const safe = write.where(op.Greater(y, scalar(0)), y, scalar(1), dtype);
  return p === 2 ? op.Div(g, safe) : op.Mul(g, op.Pow(safe, scalar(1 - p)));
}

/** sign x · |x|ᵖ⁻¹. */
function lpSlope({ op, write, scalar, int, dtype }: Applied, x: string) {
  const p = int("p", 2);
  if (p === 1) return write.sign(x, dtype);
  return p === 2 ? x : op.Mul(x, op.Pow(op.Abs(x), scalar(p - 2)));
}

/** To every place the sum over the windows that it lies in: a ConvTranspose with a kernel of ones. */
function spread(at: Applied, g: string, window: Window): string {
  const { op, write, constant, dtype, shape } = at;
  const [n, c, ...size] = shape(0);
  const { kernel, strides, dilations, out } = window;
  const dims = size.length;
  const ones = constant(dtype, [1, 1, ...kernel], new Array(product(kernel)).fill(1));
  const planes = write.reshape(g, [n * c, 1, ...out]);
  const made = op.ConvTranspose(planes, ones, null, { dilations, strides });
  const covered = range(dims).map(
    (k) => (out[k] - 1) * strides[k] + dilations[k] * (kernel[k] - 1) + 1,
  );
  const begins = window.pads.slice(0, dims);
  const crop = range(dims).map((k) => begins[k] + size[k] - covered[k]);
  const fitted = begins.some((pad) => pad > 0) || crop.some((rest) => rest !== 0);
  const pads = [0, 0, ...begins.map((pad) => -pad), 0, 0, ...crop];
  return write.reshape(fitted ? write.pad(made, pads) : made, [n, c, ...size]);
}

/** How many places each window of an average counts, for windows in order. */
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
    (all, axis) => all.flatMap((count) => axis.map((other) => count * other)),
    [1],
  );
}

/**
 * The cotangent goes where the maximum was found. Where windows overlap and no scatter adds, each
 * place of the window hands on its own by a ConvTranspose whose kernel is 1 at that place.
 */
function maxPool(at: Applied, x: string) {
  const { op, write, g, opset, outputs, ints, int, text, shape, outShape, refuse } = at;
  if (opset < 8) refuse("before opset 8 it does not tell where the maximum is");
  const window = poolOf(at);
  const given = ["dilations", "pads", "strides"] as const;
  const own = given.flatMap((name) => (ints(name) ? [[name, ints(name)!] as const] : []));
  const auto = text("auto_pad", "NOTSET");
  const indices =
    outputs[1] && int("storage_order", 0) === 0
      ? outputs[1]
      : op.MaxPool(
          x,
          {
            kernel_shape: window.kernel,
            ...(auto === "NOTSET" ? {} : { auto_pad: auto }),
            ...(int("ceil_mode", 0) ? { ceil_mode: 1 } : {}),
            ...Object.fromEntries(own),
          },
          2,
        )[1];
  const count = product(shape(0));
  const apart = window.kernel.every(
    (size, k) => (size - 1) * window.dilations[k] < window.strides[k],
  );
  if (opset < 16 && !apart) return [byPlace(at, indices, window)];
  const [where, what] = [indices, g].map((v) => write.reshape(v, [product(outShape(0))]));
  return [
    write.reshape(write.scatter(write.zeros([count], at.dtype), where, what, 0, !apart), shape(0)),
  ];
}

function byPlace(at: Applied, indices: string, window: Window): string {
  const { op, write, constant, g, dtype, shape } = at;
  const [n, c, ...size] = shape(0);
  const { kernel, dilations, strides, pads, out } = window;
  const dims = size.length;
  const steps = size.map((_, k) => product(size.slice(k + 1)));
  const taps = product(kernel);
  const offset = (flat: number, of: readonly number[]) =>
    of.map((_, k) => Math.floor(flat / product(of.slice(k + 1))) % of[k]);
  const first = range(product(out)).map((place) =>
    offset(place, out).reduce((sum, o, k) => sum + (o * strides[k] - pads[k]) * steps[k], 0),
  );
  const taken = range(taps).map((tap) =>
    offset(tap, kernel).reduce((sum, o, k) => sum + o * dilations[k] * steps[k], 0),
  );
  const planes = range(n * c).map((plane) => plane * product(size));
  const start = constant("int64", [n, c, ...out.map(() => 1)], planes);
  const within = op.Sub(op.Sub(indices, start), constant("int64", [1, 1, ...out], first));
  const flat = write.reshape(within, [n * c, 1, ...out]);
  const chosen = op.Equal(flat, constant("int64", [1, taps, ...kernel.map(() => 1)], taken));
  const mask = write.cast(chosen, dtype);
  const parts = op.Mul(mask, write.reshape(g, [n * c, 1, ...out]));
  const eye = range(taps * taps).map((k) => (k % (taps + 1) === 0 ? 1 : 0));
  const w = constant(dtype, [taps, 1, ...kernel], eye);
  const made = op.ConvTranspose(parts, w, null, { dilations, strides });
  const covered = out.map((o, k) => (o - 1) * strides[k] + dilations[k] * (kernel[k] - 1) + 1);
  const crop = range(dims).map((k) => pads[k] + size[k] - covered[k]);
  const around = [0, 0, ...pads.slice(0, dims).map((pad) => -pad), 0, 0, ...crop];
  return write.reshape(write.pad(made, around), [n, c, ...size]);
}
