/** What a value is multiplied by: one number, or one for each index of an axis. */
export interface Factor {
  readonly values: Float64Array;
  /** The axis of the value, from 0; null for one number. */
  readonly axis: number | null;
}

/** Returns the factor of one number. */
export const numberFactor = (value: number): Factor => ({
  values: Float64Array.of(value),
  axis: null,
});

export const ONE = numberFactor(1);

/** Returns a factor along an axis; of one number if all are equal. */
export const along = (axis: number, values: Float64Array): Factor =>
  values.every((value) => value === values[0]) ? numberFactor(values[0]) : { values, axis };

export const isOne = ({ values, axis }: Factor) => axis === null && values[0] === 1;
export const isPositive = ({ values }: Factor) => values.every((value) => value > 0);
export const isNegative = ({ values }: Factor) => values.some((value) => value < 0);

/** Applies a function to every number of a factor. */
export const mapped = ({ values, axis }: Factor, of: (value: number) => number): Factor =>
  axis === null ? numberFactor(of(values[0])) : along(axis, values.map(of));

export const reciprocal = (factor: Factor) => mapped(factor, (value) => 1 / value);

/** Returns the product of two factors; null if they lie along different axes. */
export function times(a: Factor, b: Factor): Factor | null {
  if (a.axis === null) return mapped(b, (value) => value * a.values[0]);
  if (b.axis === null) return mapped(a, (value) => value * b.values[0]);
  if (a.axis !== b.axis || a.values.length !== b.values.length) return null;
  return along(
    a.axis,
    a.values.map((value, k) => value * b.values[k]),
  );
}

/** Whether two factors are one, except for the rounding of a few products. */
export function isSame(a: Factor, b: Factor): boolean {
  if (a.axis !== b.axis || a.values.length !== b.values.length) return false;
  return a.values.every((value, k) => Math.abs(value - b.values[k]) <= ROUNDING * Math.abs(value));
}

const ROUNDING = 2 ** -48;

/** Moves a factor to another axis; returns a factor of one number as it is. */
export const onAxis = (factor: Factor, axis: number): Factor =>
  factor.axis === null ? factor : { ...factor, axis };
