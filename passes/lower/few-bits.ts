import type { Composite, LoweringRule } from "./composite.ts";

/**
 * com.microsoft.MatMulNBits: a product with a weight of `bits` bits per element, [N, blocks,
 * bytes], the first element in the lowest bits, in blocks of K with one scale and zero point each:
 * (A, B, scales, zero_points, g_idx, bias). The weight, K·N numbers, is dequantized by operators
 * that onnxruntime computes once.
 */
export const MatMulNBits: LoweringRule = (call) => {
  const { op, input, inputs, int, to, dtype, scalar, refuse } = call;
  if (inputs[4]) refuse("its blocks are permuted by g_idx");
  const [bits, size, n, k] = ["bits", "block_size", "N", "K"].map((name) => int(name, 0));
  if (![2, 4, 8].includes(bits) || !(size > 0 && n > 0 && k > 0))
    refuse(`its elements have ${bits} bits in blocks of ${size}`);
  const blocks = Math.ceil(k / size);
  const each = [n, blocks, 1];
  const levels = elements(call, 1, bits, [n, blocks, size]);
  const zeros = () => {
    if (!inputs[3]) return scalar(2 ** (bits - 1));
    if (dtype(3) !== "uint8") return to.reshape(input(3), each);
    const rows = Math.ceil((blocks * bits) / 8) * (8 / bits);
    const all = elements(call, 3, bits, [n, rows]);
    return to.reshape(to.slice(all, [0], [blocks], [1]), each);
  };
  const real = op.Mul(op.Sub(levels, zeros()), to.reshape(input(2), each));
  const rows = to.slice(to.reshape(real, [n, blocks * size]), [0], [k], [1]);
  const product = op.MatMul(input(0), op.Transpose(rows, { perm: [1, 0] }));
  return [inputs[5] ? op.Add(product, input(5)) : product];
};

/** Unpacks the elements of an input, as floats of this shape. */
function elements<V>(
  { op, input, to, dtype, scalar }: Composite<V>,
  index: number,
  bits: number,
  shape: readonly number[],
): V {
  const packed = [...shape.slice(0, -1), shape.at(-1)! / (8 / bits)];
  let rest = to.reshape(to.cast(input(index), dtype(0)), packed);
  const parts: V[] = [];
  for (let left = 8 / bits; left > 1; left--) {
    const higher = op.Floor(op.Mul(rest, scalar(2 ** -bits)));
    parts.push(op.Sub(rest, op.Mul(higher, scalar(2 ** bits))));
    rest = higher;
  }
  const apart = [...parts, rest].map((part) => to.unsqueeze(part, [shape.length]));
  return to.reshape(op.Concat(apart, { axis: shape.length }), shape);
}
