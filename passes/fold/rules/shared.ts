import { placeOfAxis } from "../../../src/onnx/dtypes.ts";
import { inverse } from "../../residuals/axes.ts";
import { type Factor, isNegative, isOne, ONE } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { ScaleRule } from "./rule.ts";

/** Whether a factor is one number. */
export const isScalar = ({ axis }: Factor) => axis === null;

/** Whether every input but these has the factor 1. */
export const onlyAt = (factors: readonly Factor[], ...inputs: readonly number[]) =>
  factors.every((factor, k) => inputs.includes(k) || isOne(factor));

type PlaceOf = (at: At, axis: number) => number | null;

/** The output axis that holds an input axis of the first input, and the reverse. */
interface Axes {
  readonly forth: PlaceOf;
  readonly back: PlaceOf;
}

/** Axes that an operator leaves where they are, or drops. */
export const stay = (map: PlaceOf): Axes => ({ forth: map, back: map });

/** Axes that an operator moves, as the search for sites follows them. */
export const movedAxes: Axes = {
  forth: (at, axis) => at.axes()[axis] ?? null,
  back: (at, axis) => inverse(at.axes(), axis + 1)[axis],
};

/** A factor on the axis that a map gives; null if it gives none. */
function onMappedAxis(at: At, factor: Factor, map: PlaceOf | undefined): Factor | null {
  if (factor.axis === null) return factor;
  const axis = map?.(at, factor.axis) ?? null;
  return axis === null ? null : { ...factor, axis };
}

/**
 * Returns the rule of an operator that is homogeneous in its first input: f(s x) = s f(x) for every positive
 * s, or for every number if it is linear. Its other inputs are sizes, indices and the like.
 */
export const homogeneous = (
  linear: boolean,
  axes: Axes | null = stay((_, axis) => axis),
): ScaleRule => ({
  forward: (at, factors) => {
    const out = onlyAt(factors, 0) ? onMappedAxis(at, factors[0], axes?.forth) : null;
    return out && { outputs: [out] };
  },
  backward: (at, by) => {
    const into = linear || !isNegative(by) ? onMappedAxis(at, by, axes?.back) : null;
    return into && [{ requests: [[0, into]] }];
  },
});

/** Whether a factor does not lie along the axis of a shape on which values are side by side. */
export function aside(at: At, { axis }: Factor, shape: ReturnType<At["shape"]>): boolean {
  return axis === null || (shape !== null && placeOfAxis(at.int("axis", 0), shape.length) !== axis);
}

/** Limits a rule to some nodes and factors. */
export const provided = (
  holds: (at: At, factor: Factor) => boolean,
  { forward, backward, ...rule }: ScaleRule,
): ScaleRule => ({
  ...rule,
  forward:
    forward &&
    ((at, factors) => (factors.every((each) => holds(at, each)) ? forward(at, factors) : null)),
  backward: backward && ((at, by) => (holds(at, by) ? backward(at, by) : null)),
});

/** Returns the rule of an operator whose constant input takes a number in, as it is or through a function. */
export const takenInBy = (input: number, as = (factor: Factor) => factor): ScaleRule => ({
  forward: (at, factors) =>
    onlyAt(factors, 0) && isScalar(factors[0]) && at.isConstant(input)
      ? { outputs: [ONE], requests: [[input, as(factors[0])]] }
      : null,
});

/** The rule of an operator that gives the same for every positive multiple of its first input. */
export const invariant: ScaleRule = {
  forward: (_, factors) => (onlyAt(factors, 0) && isScalar(factors[0]) ? { outputs: [ONE] } : null),
};

/** The rule of an operator that reads no more of its first input than its shape. */
export const unread: ScaleRule = {
  forward: (_, factors) => (onlyAt(factors, 0) ? { outputs: [ONE] } : null),
};
