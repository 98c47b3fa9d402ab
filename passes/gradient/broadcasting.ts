import type { Portable } from "../../src/graph/portable.ts";
import { range } from "../../src/onnx/dtypes.ts";

/** A value, and its shape with all sizes known. */
export interface ShapedName {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Returns the shape that numpy's broadcasting gives two shapes. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, k) => {
    const [p, q] = [a[k - rank + a.length] ?? 1, b[k - rank + b.length] ?? 1];
    return p === 1 ? q : p;
  });
}

/** Sums the cotangent of a value that was broadcast from `from` to `to` over the copies. */
export function sumTo(
  write: Portable,
  g: string,
  from: readonly number[],
  to: readonly number[],
): string {
  const more = from.length - to.length;
  const axes = from.flatMap((size, k) =>
    k < more || (to[k - more] === 1 && size !== 1) ? [k] : [],
  );
  const summed = write.reduce("ReduceSum", g, axes);
  return write.squeeze(summed, range(more));
}
