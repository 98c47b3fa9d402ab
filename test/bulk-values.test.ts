import { getFloat16, setFloat16 } from "@petamoriken/float16";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { compareTensors, sameFiniteness, ulp } from "../src/compare/difference.ts";
import { decodeHalf, encodeHalf } from "../src/graph/half.ts";
import { uniform } from "../src/graph/random.ts";
import { decodeNumbers, encodeNumbers } from "../src/graph/tensor.ts";
import { tensorOfBytes } from "../src/ort/tensors.ts";
import { isNightly } from "./support/sweep.ts";

const view = new DataView(new ArrayBuffer(2));
const everyPattern = Uint16Array.from({ length: 1 << 16 }, (_, k) => k);
const judged = (bits: number) => {
  view.setUint16(0, bits);
  return getFloat16(view, 0);
};
const rounded = (value: number) => {
  setFloat16(view, 0, value);
  return view.getUint16(0);
};

describe("float16 in bulk", () => {
  it("decodes every pattern as another implementation does", () => {
    const numbers = decodeHalf(everyPattern, new Float64Array(everyPattern.length));
    expect(numbers).toEqual(Float64Array.from(everyPattern, judged));
  });

  it("encodes every number, what lies just beside it and between two, rounded once", () => {
    const next = uniform(1, "half");
    const some = isNightly ? [...everyPattern] : [...everyPattern].filter((bits) => bits % 5 === 0);
    const finite = some.map(judged).filter(Number.isFinite);
    const between = finite.flatMap((value) => {
      const step = ulp(value, "float16");
      const half = value + step / 2;
      return [value, half, half * (1 + 2 ** -40), half * (1 - 2 ** -40), value + next() * step];
    });
    const others = [0, -0, 65519.99, 65520, -65520, 1e300, 2 ** -25, 2 ** -26, 1e-320, Infinity];
    const all = [...between, ...others, ...others.map((value) => -value), Number.NaN];
    expect(encodeHalf(all)).toEqual(Uint16Array.from(all, rounded));
  });
});

describe("tensors compared in bulk", () => {
  const special = [0, -0, 1, -1, 65504, 2 ** -24, Infinity, -Infinity, Number.NaN];

  /** The comparison as it is defined, value by value. */
  function byDefinition(dtype: string, x: Float64Array, y: Float64Array) {
    let [absolute, ulps, magnitude] = [0, 0, 0];
    for (const [k, u] of x.entries()) {
      if (Number.isFinite(u)) magnitude = Math.max(magnitude, Math.abs(u));
      if (u === y[k] || (Number.isNaN(u) && Number.isNaN(y[k]))) continue;
      const finite = Number.isFinite(u) && Number.isFinite(y[k]);
      const off = finite ? Math.abs(u - y[k]) : Infinity;
      absolute = Math.max(absolute, off);
      ulps = Math.max(
        ulps,
        finite ? off / ulp(Math.max(Math.abs(u), Math.abs(y[k])), dtype) : Infinity,
      );
    }
    return { absolute, ulps, magnitude };
  }

  it.each(["float", "float16", "double"])("%s, finite and not", (dtype) => {
    const next = uniform(2, dtype);
    const numbers = Float64Array.from({ length: 999 }, () => 8 * next() - 4);
    const moved = numbers.map((value, k) => (k % 3 === 0 ? value * (1 + 2 ** -9) : value));
    const pairs = [
      [numbers, numbers],
      [numbers, moved],
      ...special.flatMap((u) => special.map((v) => [Float64Array.of(1, u), Float64Array.of(1, v)])),
    ];
    for (const [a, b] of pairs) {
      const [x, y] = [a, b].map((values) => encodeNumbers(dtype, values));
      const [first, second] = [x, y].map((raw) => tensorOfBytes(ort, dtype, raw, [a.length]));
      const { bitEqual, relative: _, ...difference } = compareTensors(first, second);
      const [u, v] = [decodeNumbers(dtype, x), decodeNumbers(dtype, y)];
      expect(difference).toEqual(byDefinition(dtype, u, v));
      expect(bitEqual).toBe(Buffer.compare(x, y) === 0);
      const same = u.map((value, k) => Number(Number.isFinite(value) === Number.isFinite(v[k])));
      expect(sameFiniteness(first, second)).toEqual(
        same.includes(0) ? Uint8Array.from(same) : null,
      );
    }
  });

  it("sees one bit in the last bytes of a length that is not a multiple of a word", () => {
    for (const length of [1, 2, 3, 5, 4096, 4097]) {
      const bytes = Uint8Array.from({ length }, (_, k) => k & 127);
      const other = bytes.slice();
      other[length - 1] ^= 1;
      const [a, b, c] = [bytes, other, bytes.slice()].map((raw) =>
        tensorOfBytes(ort, "uint8", raw, [length]),
      );
      expect([compareTensors(a, b).bitEqual, compareTensors(a, c).bitEqual]).toEqual([false, true]);
      expect(compareTensors(a, b).absolute).toBe(1);
    }
  });
});
