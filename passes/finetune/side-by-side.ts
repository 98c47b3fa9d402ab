import type { Writing } from "../../src/graph/builder.ts";

/** Several tensors as one vector, for what is done to each element alike; a single one as it is. */
interface SideBySide {
  /** Rank of what they become. */
  readonly rank: number;
  /** One tensor of each shape, in order, as one. */
  readonly join: (tensors: readonly string[]) => string;
  /** The tensors again. */
  readonly part: (joined: string) => readonly string[];
}

/** Puts tensors of these shapes side by side. */
export function sideBySide(
  { op, to }: Writing,
  shapes: readonly (readonly number[])[],
): SideBySide {
  if (shapes.length === 1)
    return { rank: shapes[0].length, join: ([only]) => only, part: (only) => [only] };
  const sizes = shapes.map((dims) => dims.reduce((a, b) => a * b, 1));
  return {
    rank: 1,
    join: (tensors) =>
      op.Concat(
        tensors.map((tensor, k) =>
          shapes[k].length === 1 ? tensor : to.reshape(tensor, [sizes[k]]),
        ),
        { axis: 0 },
      ),
    part: (joined) =>
      to
        .split(joined, sizes, 0)
        .map((tensor, k) => (shapes[k].length === 1 ? tensor : to.reshape(tensor, shapes[k]))),
  };
}
