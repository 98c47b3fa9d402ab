import { axisLength, joinHeads, splitHeads, upTo } from "./attend.ts";
import type { Composite, LoweringRule } from "./composite.ts";

interface Rotation {
  /** Number of features of a head that are rotated. */
  readonly width: number;
  /** Number of features of a head. */
  readonly whole: number;
  /** Whether neighbors form a pair, instead of the two halves. */
  readonly interleaved: boolean;
}

/**
 * Writes (x₁ cos − x₂ sin, x₁ sin + x₂ cos) for each pair of features of [B, N, S, H]; cos and sin
 * are [B, 1, S, width / 2].
 */
export function rotated(
  { op, to }: Composite,
  x: string,
  [cos, sin]: readonly [string, string],
  { width, whole, interleaved }: Rotation,
): string {
  const half = width / 2;
  const [turned, rest] = whole === width ? [x] : to.split(x, [width, whole - width], 3);
  const pairs = interleaved ? to.reshape(turned, [0, 0, 0, -1, 2]) : turned;
  const [a, b] = interleaved
    ? to.split(pairs, [1, 1], 4).map((part) => to.squeeze(part, [4]))
    : to.split(pairs, [half, half], 3);
  const first = op.Sub(op.Mul(a, cos), op.Mul(b, sin));
  const second = op.Add(op.Mul(a, sin), op.Mul(b, cos));
  const both = [first, second].map((part) => (interleaved ? to.unsqueeze(part, [4]) : part));
  const joined = interleaved
    ? to.reshape(op.Concat(both, { axis: 4 }), [0, 0, 0, -1])
    : op.Concat(both, { axis: 3 });
  return rest === undefined ? joined : op.Concat([joined, rest], { axis: 3 });
}

/** Gathers rows of a table of angles at positions [B, S], as [B, 1, S, width / 2]. */
export const angles = ({ op, to }: Composite, table: string, positions: string): string =>
  to.unsqueeze(op.Gather(table, positions, { axis: 0 }), [1]);

/** com.microsoft.RotaryEmbedding: (input, position_ids, cos_cache, sin_cache). */
export const MicrosoftRotary: LoweringRule = (call) => {
  const { op, input, shape, int, to, refuse } = call;
  if (int("is_packed_batching", 0) === 1) return refuse("its batch is packed");
  const length = shape(0).length === 4 ? 2 : 1;
  const positions =
    shape(1).length === 1
      ? to.unsqueeze(op.Add(upTo(call, axisLength(call, input(0), length)), input(1)), [0])
      : input(1);
  return [embedded(call, 2, (table) => angles(call, table, positions))];
};

/** ai.onnx.RotaryEmbedding: (X, cos_cache, sin_cache, position_ids). */
export const RotaryEmbedding: LoweringRule = (call) => {
  const positions = call.inputs[3] ?? null;
  const read = (table: string) =>
    positions === null ? call.to.unsqueeze(table, [1]) : angles(call, table, positions);
  return [embedded(call, 1, read)];
};

function embedded(call: Composite, tables: number, read: (table: string) => string): string {
  const { input, shape, int } = call;
  const [half, features] = [shape(tables), shape(0)].map((sizes) =>
    call.fixed(sizes.at(-1), "the head size is not fixed"),
  );
  const flat = shape(0).length === 3;
  const heads = int("num_heads", 0);
  const asked = int("rotary_embedding_dim", 0);
  const whole = !flat ? features : heads > 0 ? features / heads : 2 * half;
  const rotation = { width: asked || 2 * half, whole, interleaved: int("interleaved", 0) === 1 };
  const x = flat ? splitHeads(call, input(0), features / whole) : input(0);
  const y = rotated(call, x, [read(input(tables)), read(input(tables + 1))], rotation);
  return flat ? joinHeads(call, y) : y;
}
