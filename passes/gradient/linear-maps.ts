import { elements, identity, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { oneTap } from "./window.ts";

/** The first opset in which the axis of a DFT is an input. */
const AXIS_INPUT = 20;

/** Operators that are linear in what they read: affine grids, windows, Fourier transforms. */
export const linearMaps = {
  // θ times the grid of the identity.
  AffineGrid: (at) => {
    const { op, write, node, g, int, shape, outShape, constant, dtype } = at;
    const [n, k, columns] = shape(0);
    const size = outShape(0).slice(1, -1);
    const theta = constant(dtype, [1, k, columns], identity(columns).slice(0, k * columns));
    const align = { align_corners: int("align_corners", 0) };
    const [grid] = node("AffineGrid", [theta, write.ints([1, 1, ...size])], align);
    const count = elements(size);
    const ones = write.expand(at.scalar(1), [], [count, 1]);
    const base = op.Concat([write.reshape(grid, [count, k]), ones], { axis: 1 });
    const turned = op.Transpose(write.reshape(g, [n, count, k]), { perm: [0, 2, 1] });
    return [op.MatMul(turned, base)];
  },
  // Every window is read again.
  Col2Im: (at) => {
    const { op, write, g, numbers, ints, shape, outShape, refuse } = at;
    const kernel = numbers(2) ?? refuse("its block shape is computed from the data");
    const [n, c, ...size] = outShape(0);
    const planes = write.reshape(g, [n * c, 1, ...size]);
    const ones = kernel.map(() => 1);
    const windows = op.Conv(planes, oneTap(at, kernel), null, {
      dilations: ints("dilations") ?? ones,
      pads: ints("pads") ?? [...ones, ...ones].map(() => 0),
      strides: ints("strides") ?? ones,
    });
    return [write.reshape(windows, shape(0))];
  },
  DFT: (at) => {
    const { op, scalar, numbers, inputs, int, shape, outShape, opset, refuse } = at;
    const stated = opset < AXIS_INPUT ? [int("axis", 1)] : inputs[2] ? numbers(2) : [-2];
    const [dims, out] = [shape(0), outShape(0)];
    const named = stated?.[0] ?? refuse("its axis is computed from the data");
    const axis = placeOfAxis(named, dims.length);
    const [isInverse, isHalf] = [int("inverse", 0) === 1, int("onesided", 0) === 1];
    const given = dims[axis];
    const own = isInverse && isHalf ? 2 * (given - 1) : given;
    const known = inputs[1] ? numbers(1) : [own];
    const length = known?.[0] ?? refuse("its length is computed from the data");
    const along = { axis, rank: dims.length, length };
    const toInput = (sums: string) => [real(at, fitted(at, sums, along, [length, given]), along)];
    if (!isInverse) return toInput(inverseSums(at, at.g, along, out[axis]));
    const spectrum = transformed(at, at.g, along, isHalf ? { onesided: 1 } : {});
    if (!isHalf) return toInput(op.Div(spectrum, scalar(length)));
    const mirrored = op.Mul(spectrum, mirroring(at, along));
    return [fitted(at, mirrored, along, [Math.floor(length / 2) + 1, given])];
  },
  // Frames, each times the window, then their transforms.
  STFT: (at, signal) => {
    const { op, write, g, inputs, numbers, shape, outShape, needs, like, refuse } = at;
    const [n, length, width = 1] = shape(0);
    if (width !== 1) return refuse("its signal is complex");
    const step = numbers(1)?.[0] ?? refuse("its step is computed from the data");
    const size =
      (inputs[3] ? numbers(3)?.[0] : shape(2)[0]) ??
      refuse("its frame length is computed from the data");
    const [, frames, bins] = outShape(0);
    const along = { axis: 1, rank: 3, length: size };
    const sums = inverseSums(at, write.reshape(g, [n * frames, bins, 2]), along, bins);
    const framed = write.reshape(write.slice(sums, [0], [1], [2]), [n, frames, size]);
    const [eye, strides] = [oneTap(at, [size]), [step]];
    const toSignal = () => {
      const parts = inputs[2] ? op.Mul(framed, like(2)) : framed;
      const columns = op.Transpose(parts, { perm: [0, 2, 1] });
      const joined = op.ConvTranspose(columns, eye, null, { strides });
      const rest = length - (frames - 1) * step - size;
      return write.reshape(write.pad(joined, [0, 0, 0, 0, 0, rest]), shape(0));
    };
    const toWindow = () => {
      const read = op.Conv(write.reshape(signal, [n, 1, length]), eye, null, { strides });
      const products = op.Mul(framed, op.Transpose(read, { perm: [0, 2, 1] }));
      return write.reduce("ReduceSum", products, [0, 1], false);
    };
    return [needs[0] ? toSignal() : null, null, needs[2] ? toWindow() : null];
  },
} satisfies VjpTable;

/** An axis that is transformed, the rank of what it is in, and the length of the transform. */
interface Transformed {
  readonly axis: number;
  readonly rank: number;
  readonly length: number;
}

function transformed(
  { node, opset, constant }: GradientNode,
  x: string,
  { axis }: Transformed,
  flags: Readonly<Record<string, number>>,
): string {
  if (opset < AXIS_INPUT) return node("DFT", [x], { ...flags, axis })[0];
  return node("DFT", [x, null, constant("int64", [], [axis])], flags)[0];
}

/** The adjoint of a transform of which `count` sums were kept. */
function inverseSums(at: GradientNode, g: string, along: Transformed, count: number): string {
  const whole = fitted(at, g, along, [count, along.length]);
  return at.op.Mul(transformed(at, whole, along, { inverse: 1 }), at.scalar(along.length));
}

/** Pads the axis with zeros, or crops it. */
function fitted(
  { write }: GradientNode,
  x: string,
  { axis, rank }: Transformed,
  [from, to]: readonly [number, number],
): string {
  const pads = range(2 * rank).map((k) => (k === rank + axis ? to - from : 0));
  return from === to ? x : write.pad(x, pads);
}

/** The real parts, if the input has no others. */
const real = ({ write, shape }: GradientNode, x: string, { rank }: Transformed) =>
  shape(0)[rank - 1] === 1 ? write.slice(x, [0], [1], [rank - 1]) : x;

/** How often each number of half a spectrum counts in a real signal, over the signal's length. */
function mirroring({ constant, dtype }: GradientNode, { axis, rank, length }: Transformed): string {
  const bins = Math.floor(length / 2) + 1;
  const weights = range(bins).map((k) => (k === 0 || 2 * k === length ? 1 : 2) / length);
  return constant(dtype, [bins, ...range(rank - 1 - axis).map(() => 1)], weights);
}
