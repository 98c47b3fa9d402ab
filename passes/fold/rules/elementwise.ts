import { rows } from "../../../src/graph/own.ts";
import { range } from "../../../src/onnx/dtypes.ts";
import { type Factor, isNegative, isOne, mapped, ONE, reciprocal, times } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { Change, Passed, ScaleRequest, ScaleRule, ScaleTable } from "./rule.ts";
import { aside, homogeneous, invariant, isScalar, onlyAt, provided } from "./shared.ts";

/** A factor of the output on an input that broadcasts to it; null if the input has no such axis. */
function broadcastTo(at: At, input: number, factor: Factor): Factor | null {
  if (factor.axis === null) return factor;
  const [shape, out] = [at.shape(input), at.outShape(0)];
  if (!shape || !out) return null;
  const axis = factor.axis - (out.length - shape.length);
  return axis >= 0 && shape[axis] === factor.values.length ? { ...factor, axis } : null;
}

/** A factor of an input on the output. */
function broadcastFrom(at: At, input: number, factor: Factor): Factor | null {
  if (factor.axis === null) return factor;
  const [shape, out] = [at.shape(input), at.outShape(0)];
  return shape && out ? { ...factor, axis: factor.axis + out.length - shape.length } : null;
}

/** Inputs that are added, or stand beside each other: all have one factor. */
function joining(first = 0): ScaleRule {
  const join = (at: At) => range(at.inputs).filter((k) => k >= first && at.has(k));
  return {
    join,
    joined: broadcastTo,
    backward: (at, by) => {
      const requests = join(at).map((k) => [k, broadcastTo(at, k, by)] as const);
      const fit = requests.every(([, factor]) => factor);
      return fit ? [{ requests: requests as ScaleRequest[] }] : null;
    },
  };
}

/** As `joining`, for what a negative multiplier turns round. */
const ordered = provided((_, factor) => !isNegative(factor), joining());

const concat: ScaleRule = {
  ...joining(),
  joined: (at, _, factor) => (aside(at, factor, at.outShape(0)) ? factor : null),
  backward: (at, by) =>
    aside(at, by, at.outShape(0))
      ? [{ requests: range(at.inputs).map((k) => [k, by] as const) }]
      : null,
};

const mul: ScaleRule = {
  forward: (at, factors) => {
    const [a, b] = factors.map((factor, k) => broadcastFrom(at, k, factor));
    const out = a && b && times(a, b);
    if (!out) return null;
    for (const k of [0, 1]) {
      const other = 1 - k;
      const into = at.isConstant(other) ? broadcastTo(at, other, out) : null;
      if (into && !isOne(factors[k]))
        return { outputs: [ONE], requests: [[other, into]], otherwise: { outputs: [out] } };
    }
    return { outputs: [out] };
  },
  backward: (at, by) =>
    [0, 1]
      .sort((a, b) => Number(at.isConstant(b)) - Number(at.isConstant(a)))
      .map((k) => [k, broadcastTo(at, k, by)] as const)
      .flatMap(([k, into]): Change[] => (into ? [{ requests: [[k, into]] }] : [])),
};

const div: ScaleRule = {
  forward: (at, factors) => {
    const [a, b] = factors.map((factor, k) => broadcastFrom(at, k, factor));
    const out = a && b && times(a, reciprocal(b));
    return out && { outputs: [out] };
  },
  backward: (at, by) => {
    const into = broadcastTo(at, 0, by);
    return into && [{ requests: [[0, into]] }];
  },
};

const pow: ScaleRule = {
  forward: (at, factors) => {
    const exponent = at.numbers(1);
    if (!onlyAt(factors, 0) || exponent?.length !== 1) return null;
    return { outputs: [mapped(factors[0], (value) => value ** exponent[0])] };
  },
};

const through = (of: (value: number) => number): ScaleRule => ({
  forward: (_, factors) => ({ outputs: [mapped(factors[0], of)] }),
});

/** A Clip between constants, which are divided by the factor. */
const clip: ScaleRule = {
  forward: (at, factors): Passed | null => {
    const [factor] = factors;
    if (!onlyAt(factors, 0) || !isScalar(factor)) return null;
    const by = reciprocal(factor);
    if (at.opset < 11)
      return {
        outputs: [factor],
        attributes: ["min", "max"]
          .filter((name) => Number.isFinite(at.float(name, Number.NaN)))
          .map((name) => ({ name, by: by.values[0], otherwise: 0 })),
      };
    const bounds = [1, 2].filter(at.has);
    if (!bounds.every(at.isConstant)) return null;
    return { outputs: [factor], requests: bounds.map((k) => [k, by] as const) };
  },
};

/** What is computed element by element, and sums. */
export const scaleElementwise: ScaleTable = {
  ...rows(joining(), "Add Mean Sub Sum"),
  Clip: clip,
  Concat: concat,
  Div: div,
  ...rows(ordered, "Max Min"),
  Mul: mul,
  Pad: provided(isZeroPad, homogeneous(true, null)),
  Pow: pow,
  Reciprocal: through((value) => 1 / value),
  Sqrt: through(Math.sqrt),
  Where: joining(1),
};

/** Whether a Pad puts zeros around, or what is there. */
function isZeroPad(at: At): boolean {
  if (at.text("mode", "constant") !== "constant") return true;
  if (at.opset < 11) return at.float("value", 0) === 0;
  return !at.has(2) || (at.numbers(2)?.every((value) => value === 0) ?? false);
}

/** Activations that a positive factor passes, and what does not change with it. */
export const scaleActivations: ScaleTable = {
  // The slope of a PRelu is not a multiple of x: it is the same at every scale.
  ...rows(homogeneous(false), "Abs LeakyRelu PRelu Relu"),
  ...rows(invariant, "ArgMax ArgMin Hardmax Sign"),
  Neg: homogeneous(true),
};
