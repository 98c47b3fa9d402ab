import { type Composite, type LoweringRule, plus } from "./composite.ts";

/** A MatMulNBits node as both readings of it see it: its lowering and its gradient. */
type FewBits = Pick<Composite, "op" | "to" | "inputs" | "int" | "scalar" | "dtype" | "refuse">;

interface FewBitsWeight {
  /** The elements less their zero points, [N, blocks, block size]. */
  readonly levels: string;
  /** The scales, [N, blocks, 1]. */
  readonly scales: string;
  /** The weight, [N, K]. */
  readonly weight: string;
  readonly n: number;
  readonly k: number;
  readonly blocks: number;
  readonly size: number;
}

/**
 * com.microsoft.MatMulNBits: a product with a weight of `bits` bits per element, (A, B, scales,
 * zero_points, g_idx, bias). B is [N, blocks, bytes], the first element in the lowest bits; a block
 * of K has one scale and zero point. The weight, K·N numbers, is dequantized by operators that
 * onnxruntime computes once.
 */
export const MatMulNBits: LoweringRule = (call) => {
  const { op, input } = call;
  const { weight } = fewBitsWeight(call, input(1));
  return [plus(call, op.MatMul(input(0), op.Transpose(weight, { perm: [1, 0] })), 5)];
};

/** Writes the weight of a MatMulNBits as floats; `packed` is its second input. */
export function fewBitsWeight(node: FewBits, packed: string): FewBitsWeight {
  const { op, inputs, int, to, scalar, dtype, refuse } = node;
  if (inputs[4]) refuse("its blocks are permuted by g_idx");
  const [bits, size, n, k] = ["bits", "block_size", "N", "K"].map((name) => int(name, 0));
  if (![2, 4, 8].includes(bits) || !(size > 0 && n > 0 && k > 0))
    refuse(`its elements have ${bits} bits in blocks of ${size}`);
  const blocks = Math.ceil(k / size);
  const each = [n, blocks, 1];
  const zeros = () => {
    const points = inputs[3];
    if (points == null) return scalar(2 ** (bits - 1));
    if (dtype(3) !== "uint8") return to.reshape(points, each);
    const rows = Math.ceil((blocks * bits) / 8) * (8 / bits);
    const all = fewBitsNumbers(node, points, bits, [n, rows]);
    return to.reshape(to.slice(all, [0], [blocks], [1]), each);
  };
  const levels = op.Sub(fewBitsNumbers(node, packed, bits, [n, blocks, size]), zeros());
  const scales = to.reshape(inputs[2]!, each);
  const rows = to.reshape(op.Mul(levels, scales), [n, blocks * size]);
  const weight = blocks * size === k ? rows : to.slice(rows, [0], [k], [1]);
  return { levels, scales, weight, n, k, blocks, size };
}

/** Unpacks elements, as floats of this shape. */
export function fewBitsNumbers(
  { op, to, dtype, scalar }: Pick<FewBits, "op" | "to" | "dtype" | "scalar">,
  bytes: string,
  bits: number,
  shape: readonly number[],
): string {
  const packed = [...shape.slice(0, -1), shape.at(-1)! / (8 / bits)];
  let rest = to.reshape(to.cast(bytes, dtype(0)), packed);
  const parts: string[] = [];
  for (let left = 8 / bits; left > 1; left--) {
    const higher = op.Floor(op.Mul(rest, scalar(2 ** -bits)));
    parts.push(op.Sub(rest, op.Mul(higher, scalar(2 ** bits))));
    rest = higher;
  }
  const apart = [...parts, rest].map((part) => to.unsqueeze(part, [shape.length]));
  return to.reshape(op.Concat(apart, { axis: shape.length }), shape);
}
