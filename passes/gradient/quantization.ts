import { elements, integerBits, placeOfAxis, range, wholeRange } from "../../src/onnx/dtypes.ts";
import { convolutions } from "./convolution.ts";
import { products } from "./products.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/**
 * Straight-through: rounding has the derivative 1. The cotangent of an integer is that of the number
 * itself, one step of which is worth the scale. Scales that are computed from the data count as
 * constant: what an integer loses by a larger scale, the scale gives back.
 */
export const quantizations = {
  ConvInteger: (at, x, w) => {
    if (at.needs[1]) return at.refuse("its weights are computed");
    const [filters, ...rest] = at.shape(1);
    const dims = () => (elements(at.shape(3)) === 1 ? [] : [filters, ...rest.map(() => 1)]);
    const zero = at.inputs[3] ? { name: at.inputs[3], dims: dims() } : null;
    const as = { ...at, inputs: [x, w], needs: [at.needs[0], false] };
    return convolutions.Conv(as, x, real(at, w, zero));
  },
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: ({ op, g, outputs, dtype, write }) => {
    const scale = dtype === "float" ? outputs[1]! : write.cast(outputs[1]!, dtype);
    return [op.Div(g, scale)];
  },
  MatMulInteger: (at, a, b) => {
    const { inputs, shape, needs } = at;
    const zero = (k: number, dims: (rank: number) => readonly number[]) => {
      const name = inputs[k];
      return name ? { name, dims: dims(shape(k).length) } : null;
    };
    const rows = zero(2, (rank) => (rank === 1 && shape(2)[0] > 1 ? [shape(2)[0], 1] : shape(2)));
    const columns = zero(3, () => shape(3));
    const as = { ...at, inputs: [a, b], needs: needs.slice(0, 2) };
    return products.MatMul(as, real(at, a, rows), real(at, b, columns));
  },
  QuantizeLinear: quantize,
  "com.microsoft.DequantizeLinear": dequantize,
  "com.microsoft.QuantizeLinear": quantize,
} satisfies VjpTable;

/** Operators whose first output is integers that cotangents pass. */
export const ROUNDING: ReadonlySet<string> = new Set<keyof typeof quantizations>([
  "ConvInteger",
  "DynamicQuantizeLinear",
  "MatMulInteger",
  "QuantizeLinear",
  "com.microsoft.QuantizeLinear",
]);

interface Zero {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Returns integers less their zero point, as floats. */
function real({ op, write, dtype }: GradientNode, x: string, zero: Zero | null): string {
  const number = write.cast(x, dtype);
  if (!zero) return number;
  return op.Sub(number, write.reshape(write.cast(zero.name, dtype), zero.dims));
}

/** Returns the scale in the shape in which it broadcasts. */
function scaleOf(at: GradientNode): string {
  const { scalar, numbers, shape, int, like, refuse } = at;
  if (int("block_size", 0) > 0) return refuse("its scales are those of blocks");
  const known = elements(shape(1)) === 1 ? numbers(1) : null;
  return known ? scalar(known[0]) : perAxis(at, like(1));
}

/** Reshapes one value for each position of the axis, so that it broadcasts. */
function perAxis({ write, shape, int }: GradientNode, v: string): string {
  const dims = shape(1);
  const rank = shape(0).length;
  const axis = placeOfAxis(int("axis", 1), rank);
  const wide = [dims[0], ...range(rank - 1 - axis).map(() => 1)];
  return elements(dims) === 1 ? v : write.reshape(v, wide);
}

function dequantize(at: GradientNode) {
  if (at.needs[1]) at.refuse("gradients of its scale are not supported; leave it out");
  return [at.op.Mul(at.g, scaleOf(at))];
}

/**
 * Passes rounding straight through, except if the integer is at an end of its range and x beyond
 * it: converters use that for a Relu.
 */
function quantize(at: GradientNode, x: string, scale: string) {
  const { op, write, g, scalar, dtype, inputs, needs, refuse } = at;
  if (needs[1]) return refuse("gradients of its scale are not supported; leave it out");
  const type = at.outputType(0);
  const passed = op.Div(g, scaleOf(at));
  if ((integerBits(type) ?? 64) > 16) return [passed];
  const ends = wholeRange(type)!.map(Number);
  const zero = inputs[2] ? write.cast(inputs[2], dtype) : null;
  const steps = op.Div(x, perAxis(at, scale));
  const place = zero ? op.Add(steps, perAxis(at, zero)) : steps;
  const middle = (ends[0] + ends[1]) / 2;
  const inside = op.Less(op.Abs(op.Sub(place, scalar(middle))), scalar(ends[1] - middle + 0.5));
  return [write.masked(inside, passed, dtype)];
}
