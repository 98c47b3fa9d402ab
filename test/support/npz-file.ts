import { zipSync } from "fflate";
import { type DType, dump, type TypedArray } from "npyjs";

/** An array to be written: its numbers, shape and, where the numbers do not tell it, type. */
export type NpyArray = readonly [TypedArray, readonly number[], (DType | "f16" | "V2" | "U1")?];

/** An .npz of these arrays, deflated or (level 0) stored. */
export function npzOf(
  arrays: Readonly<Record<string, NpyArray>>,
  level: 0 | 1 | 6 = 6,
): Uint8Array {
  const entries = Object.entries(arrays).map(([name, [data, shape, dtype]]) => {
    const bytes = new Uint8Array(dump(data, [...shape], dtype ? { dtype: dtype as DType } : {}));
    return [`${name}.npy`, bytes] as const;
  });
  return zipSync(Object.fromEntries(entries), { level, mtime: "1980-01-01" });
}
