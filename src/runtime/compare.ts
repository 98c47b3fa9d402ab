import type { Tensor } from "onnxruntime-common";
import { isFloat } from "../graph/types.ts";
import { bytesOfTensor, dtypeOf, toFloat64 } from "./floats.ts";

/** How far two tensors are apart. */
export interface Difference {
  /** Same type, shape and bits. */
  readonly bitEqual: boolean;
  /** Largest |a − b|; Infinity where only one is finite, or shapes differ. */
  readonly absolute: number;
  /** Largest |a − b| over the largest |a|. */
  readonly relative: number;
  /** Largest |a − b| in units in the last place of the larger of the two. */
  readonly ulps: number;
  /** Largest finite |a|. */
  readonly magnitude: number;
}

const MANTISSA: Record<string, number> = { float: 23, double: 52, float16: 10, bfloat16: 7 };

/** The unit in the last place of a number in a float type. */
export function ulp(value: number, dtype: string): number {
  const bits = MANTISSA[dtype] ?? 52;
  const exponent = value === 0 ? -Infinity : Math.floor(Math.log2(Math.abs(value)));
  const least = { float16: -14, double: -1022 }[dtype] ?? -126;
  return 2 ** (Math.max(exponent, least) - bits);
}

/**
 * Compares two tensors element by element, at the places that `at` tells; one that is missing is
 * infinitely far. Equal infinities and NaNs in the same place are equal.
 */
export function compare(a: Tensor, b: Tensor | undefined, at?: Uint8Array | null): Difference {
  const apart = {
    bitEqual: false,
    absolute: Infinity,
    relative: Infinity,
    ulps: Infinity,
    magnitude: 0,
  };
  if (!b || a.type !== b.type || a.dims.join() !== b.dims.join()) return apart;
  if (a.type === "string") {
    const same = (a.data as string[]).every((text, k) => text === (b.data as string[])[k]);
    return same ? { ...apart, bitEqual: true, absolute: 0, relative: 0, ulps: 0 } : apart;
  }
  const dtype = dtypeOf(a);
  const [x, y] = [toFloat64(a), toFloat64(b)];
  let [absolute, ulps, magnitude] = [0, 0, 0];
  for (let k = 0; k < x.length; k++) {
    if (Number.isFinite(x[k])) magnitude = Math.max(magnitude, Math.abs(x[k]));
    if (at?.[k] === 0 || x[k] === y[k] || (Number.isNaN(x[k]) && Number.isNaN(y[k]))) continue;
    const off = Math.abs(x[k] - y[k]);
    absolute = Math.max(absolute, Number.isNaN(off) ? Infinity : off);
    if (isFloat(dtype))
      ulps = Math.max(ulps, off / ulp(Math.max(Math.abs(x[k]), Math.abs(y[k])), dtype));
  }
  return {
    bitEqual: sameBits(a, b),
    absolute,
    relative: absolute === 0 ? 0 : absolute / (magnitude || Number.MIN_VALUE),
    ulps: Number.isNaN(ulps) ? Infinity : ulps,
    magnitude,
  };
}

/** Places where both tensors hold a finite number, or neither does; null where that is everywhere. */
export function sameFiniteness(a: Tensor, b: Tensor | undefined): Uint8Array | null {
  if (a.type === "string" || !b || a.type !== b.type || a.dims.join() !== b.dims.join())
    return null;
  const [x, y] = [toFloat64(a), toFloat64(b)];
  const same = Uint8Array.from(x, (value, k) =>
    Number.isFinite(value) === Number.isFinite(y[k]) ? 1 : 0,
  );
  return same.includes(0) ? same : null;
}

function sameBits(a: Tensor, b: Tensor): boolean {
  const [x, y] = [bytesOfTensor(a), bytesOfTensor(b)];
  if (x.length !== y.length) return false;
  for (let k = 0; k < x.length; k++) if (x[k] !== y[k]) return false;
  return true;
}
