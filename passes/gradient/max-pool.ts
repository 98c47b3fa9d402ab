import { elements, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { whereAbove } from "./indicators.ts";
import type { GradientNode } from "./rule.ts";
import { oneTap, overlaid, planesOf, poolOf, type Window } from "./window.ts";

/** The first opsets with indices of maxima and with scatters of single elements. */
const [INDICES, SCATTER] = [8, 9];

/**
 * The cotangent goes to the position of the maximum. If windows overlap and no scatter adds, each
 * tap of the window passes its share on.
 */
export function maxPool(at: GradientNode, x: string) {
  const { write, g, opset, shape, outShape, dtype } = at;
  const window = poolOf(at);
  const { kernel, strides } = window;
  const apart = isApart(window);
  if (apart ? opset < SCATTER : !write.scattersAdd) {
    const taken = opset < INDICES ? largest(at, x, window) : takenAt(at, indicesOf(at, x), window);
    const planes = write.reshape(g, [planesOf(at), 1, ...window.out]);
    return [overlaid(at, at.op.Mul(taken, planes), oneTap(at, kernel), window)];
  }
  if (apart) {
    const sizes = write.ints(shape(0));
    const attributes = { kernel_shape: [...kernel], strides: [...strides] };
    // States the sizes, which are inferred of no MaxUnpool.
    const indices = firstOf(at, x, window) ?? indicesOf(at, x);
    return [write.reshape(at.op.MaxUnpool(g, indices, sizes, attributes), shape(0))];
  }
  const places = [elements(outShape(0))];
  const where = write.reshape(indicesOf(at, x), places);
  const zeros = write.zeros([elements(shape(0))], dtype);
  const sums = write.scatterAdd(zeros, where, write.reshape(g, places), 0);
  return [write.reshape(sums, shape(0))];
}

/** Whether no windows overlap, and as many fit into the image without padding, as MaxUnpool wants. */
const isApart = ({ kernel, dilations, strides, size, out }: Window) =>
  kernel.every(
    (length, k) =>
      (length - 1) * dilations[k] < strides[k] && (out[k] - 1) * strides[k] + length <= size[k],
  );

/**
 * Returns the position of each maximum in the whole input: the node's own output, or computed
 * again.
 */
function indicesOf({ op, outputs, ints, int, text }: GradientNode, x: string): string {
  if (outputs[1] && int("storage_order", 0) === 0) return outputs[1];
  const lists = ["dilations", "kernel_shape", "pads", "strides"] as const;
  const given = lists.flatMap((name) => (ints(name) ? [[name, ints(name)!] as const] : []));
  const auto_pad = text("auto_pad", "NOTSET");
  const attributes = {
    kernel_shape: ints("kernel_shape")!,
    ...Object.fromEntries(given),
    ...(auto_pad === "NOTSET" ? {} : { auto_pad }),
    ...(int("ceil_mode", 0) ? { ceil_mode: 1 } : {}),
  };
  return op.MaxPool(x, attributes, 2)[1];
}

/** The most taps that are compared with the maximum one by one. */
const FEW = 9;

/**
 * Returns the position of the first maximum of each window if all lie within the image: each tap less
 * the maximum is a Conv, exactly, so that this takes a quarter of a MaxPool's time with its indices.
 * Null for other windows and types, or if the node itself gives the positions.
 */
function firstOf(at: GradientNode, x: string, window: Window): string | null {
  const { op, write, y, shape, constant, dtype, outputs } = at;
  const { kernel, strides, dilations, pads, size, out } = window;
  const taps = elements(kernel);
  const reaches = size.every(
    (length, k) => (out[k] - 1) * strides[k] + (kernel[k] - 1) * dilations[k] < length,
  );
  const isWithin = reaches && pads.every((pad) => pad === 0);
  if (dtype !== "float" || outputs[1]) return null;
  if (!isWithin || taps > FEW || taps === 1) return null;
  const channels = shape(0)[1];
  const { starts, firsts, offsets } = placesIn(at, window);
  const lessTap = (tap: number) => {
    const weights = range(channels * taps).map((k) => (k % taps === tap ? -1 : 0));
    const w = constant(dtype, [channels, 1, ...kernel], weights);
    const attributes = { strides: [...strides], dilations: [...dilations], group: channels };
    return op.Add(op.Conv(x, w, null, attributes), y);
  };
  // 1 as long as no tap has been the maximum; each adds the way to the next.
  let before = whereAbove(at, lessTap(0));
  let steps: string | null = null;
  for (const tap of range(taps - 1)) {
    if (tap > 0) before = op.Mul(before, whereAbove(at, lessTap(tap)));
    const further = offsets[tap + 1] - offsets[tap];
    const step = further === 1 ? before : op.Mul(before, at.scalar(further));
    steps = steps === null ? step : op.Add(steps, step);
  }
  // NaN is not above: it counts as the first tap, where it would lie outside the image.
  const known = op.Where(op.Greater(steps!, at.scalar(0)), steps!, at.scalar(0));
  return op.Add(op.Add(starts, firsts), write.cast(known, "int64"));
}

/** Where windows lie in the flat image: starts of planes, first positions in one, offsets of taps. */
function placesIn(at: GradientNode, window: Window) {
  const { constant, shape } = at;
  const { kernel, dilations, strides, pads, out, size } = window;
  const steps = size.map((_, k) => elements(size.slice(k + 1)));
  const flat = (of: readonly number[], along: (k: number, place: number) => number) =>
    range(elements(of)).map((k) =>
      placeOf(k, of).reduce((sum, place, axis) => sum + along(axis, place) * steps[axis], 0),
    );
  const firsts = flat(out, (axis, place) => place * strides[axis] - pads[axis]);
  const planes = range(planesOf(at)).map((plane) => plane * elements(size));
  return {
    starts: constant("int64", [...shape(0).slice(0, 2), ...out.map(() => 1)], planes),
    firsts: constant("int64", [1, 1, ...out], firsts),
    offsets: flat(kernel, (axis, place) => place * dilations[axis]),
  };
}

const placeOf = (k: number, sizes: readonly number[]) =>
  sizes.map((size, axis) => Math.floor(k / elements(sizes.slice(axis + 1))) % size);

/** Returns [N · C, taps, positions …]: 1 at the tap that each index means. */
function takenAt(at: GradientNode, indices: string, window: Window): string {
  const { op, write, constant, dtype } = at;
  const { kernel, out } = window;
  const { starts, firsts, offsets: taken } = placesIn(at, window);
  const within = op.Sub(op.Sub(indices, starts), firsts);
  const offset = write.reshape(within, [planesOf(at), 1, ...out]);
  const offsets = constant("int64", [1, taken.length, ...kernel.map(() => 1)], taken);
  return write.cast(op.Equal(offset, offsets), dtype);
}

/** Less than everything that is pooled. */
const LOWEST = -1e30;

/**
 * Returns [N · C, taps, positions …]: 1 at the tap that holds the maximum, shared if there are
 * several.
 */
function largest(at: GradientNode, x: string, window: Window): string {
  const { op, write, y, scalar, dtype } = at;
  const { size, out, pads, strides, kernel } = window;
  const dims = size.length;
  const around = [0, 0, ...pads.slice(0, dims), 0, 0, ...pads.slice(dims)];
  const padded = op.Pad(x, null, null, null, { pads: around, value: float(LOWEST) });
  const sizes = size.map((length, k) => length + pads[k] + pads[k + dims]);
  const planes = write.reshape(padded, [planesOf(at), 1, ...sizes]);
  const tapped = op.Conv(planes, oneTap(at, kernel), null, { strides });
  const below = op.Sub(write.reshape(y, [planesOf(at), 1, ...out]), tapped);
  const is = op.Sub(scalar(1), write.sign(op.Abs(below), dtype));
  return op.Div(is, write.reduce("ReduceSum", is, [1]));
}
