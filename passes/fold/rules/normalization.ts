import { SKIP_EPSILON, type SkipNorm, tokenNorms } from "../../lower/skip-norms.ts";
import { type Factor, ONE, onAxis, reciprocal } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { Change, ScaleRule, ScaleTable } from "./rule.ts";
import { invariant, isScalar, onlyAt } from "./shared.ts";

/** Least and greatest epsilon that single precision holds with all its digits, and some room. */
const [LEAST, MOST] = [1e-36, 1e30];

/** Divides a norm's epsilon by the square of a factor, which is exact; null if that does not fit. */
function epsilonBy(at: At, factor: Factor, otherwise: number): Change | null {
  if (!isScalar(factor)) return null;
  const by = factor.values[0] ** -2;
  const epsilon = at.float("epsilon", otherwise);
  if (epsilon === 0) return {};
  const divided = epsilon * by;
  if (!(divided >= LEAST && divided <= MOST)) return null;
  return { attributes: [{ name: "epsilon", by, otherwise }] };
}

/** A norm with a scale, and a shift perhaps: `outputs` beside the first hold the mean and the deviation. */
function norm(otherwise: number, channels: "first" | "last", shift: number | null): ScaleRule {
  return {
    forward: (at, factors) => {
      if (!onlyAt(factors, 0)) return null;
      const change = epsilonBy(at, factors[0], otherwise);
      const deviation = reciprocal(factors[0]);
      const others = shift === null ? [deviation] : [factors[0], deviation];
      return change && { ...change, outputs: [ONE, ...others] };
    },
    backward: (at, by) => {
      if (at.int("activation", 0) !== 0) return null;
      const axis = channels === "first" ? 1 : (at.outShape(0)?.length ?? 0) - 1;
      if (by.axis !== null && by.axis !== axis) return null;
      const into = (input: number) => onAxis(by, (at.shape(input)?.length ?? 1) - 1);
      const shifts = shift !== null && at.has(shift) ? [shift] : [];
      return [{ requests: [1, ...shifts].map((input) => [input, into(input)] as const) }];
    },
  };
}

/** A norm of x / s: the variance and the mean are stored, so the scale takes s in and the mean 1 / s. */
const batchNormalization: ScaleRule = {
  forward: (at, factors) => {
    const [factor] = factors;
    if (!onlyAt(factors, 0) || (factor.axis !== null && factor.axis !== 1)) return null;
    if (![1, 3].every(at.isConstant)) return null;
    const s = onAxis(factor, 0);
    const requests = [[1, s] as const, [3, reciprocal(s)] as const];
    return { outputs: [ONE], requests };
  },
  backward: (_, by) => {
    if (by.axis !== null && by.axis !== 1) return null;
    const into = onAxis(by, 0);
    return [{ requests: [1, 2].map((input) => [input, into] as const) }];
  },
};

/** A sum that its norm takes in. */
const skipNorm = ({ terms, bias, sum }: SkipNorm): ScaleRule => ({
  join: (at) => [...terms, ...(at.has(bias) ? [bias] : [])],
  joined: (_, input, factor) => (terms.includes(input) || isScalar(factor) ? factor : null),
  forward: (at, [factor]) => {
    const change = epsilonBy(at, factor, SKIP_EPSILON);
    return change && { ...change, outputs: [...Array<Factor>(sum).fill(ONE), factor] };
  },
});

/** Norms: each takes a factor in, its epsilon divided by the squared factor. */
export const scaleNormalizations = {
  "com.microsoft.GroupNorm": norm(1e-5, "last", 2),
  ...Object.fromEntries(tokenNorms().map(([op, row]) => [op, skipNorm(row)])),
  BatchNormalization: batchNormalization,
  GroupNormalization: norm(1e-5, "first", 2),
  InstanceNormalization: norm(1e-5, "first", 2),
  LayerNormalization: norm(1e-5, "last", 2),
  LpNormalization: invariant,
  RMSNormalization: norm(1e-5, "last", null),
  SimplifiedLayerNormalization: norm(1e-5, "last", null),
} satisfies ScaleTable;
