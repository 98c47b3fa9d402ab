import { sinceOf } from "../../src/graph/operators.ts";
import { range } from "../../src/onnx/dtypes.ts";
import { type LabelPath, NEVER, type Sequences } from "./ctc-labels.ts";
import { followed } from "./ctc-steps.ts";

/** Scores [rows, steps, classes], and whether they are logarithms of probabilities. */
interface Scores {
  readonly scores: string;
  readonly isNormal: boolean;
}

/** The probability of the labels of each row, and what its gradient is computed from. */
interface PathProbability extends Scores {
  /** ln Σ exp of the scores at each step; null if they are normal. */
  readonly logSum: string | null;
  /** ln p of each state's class at each step but the first: [steps - 1, rows, states]. */
  readonly emissions: string;
  /** ln p of all paths to each state at each step: [steps, rows, states]. */
  readonly alphas: string;
  /** Number of steps of each row, [1, rows, 1]; null if all count. */
  readonly lengths: string | null;
  /** ln p of the labels, [rows, 1]. */
  readonly logP: string;
  /** 1 if there is a path, otherwise 0: [rows, 1]. */
  readonly feasible: string;
}

/** Writes ln p of each state's class at each step. */
function emissionsOf(
  of: Sequences,
  { path, states }: LabelPath,
  scores: string,
  logSum: string | null,
) {
  const { op, to, rows, steps, classes, output, opset } = of;
  const paths = () => to.expand(to.unsqueeze(path, [1]), [rows, 1, states], [rows, steps, states]);
  const hot = () =>
    op.Transpose(to.oneHot(path, { rank: 2, classes }, output.dtype), { perm: [0, 2, 1] });
  const picked =
    opset >= sinceOf("GatherElements")
      ? op.GatherElements(scores, paths(), { axis: 2 })
      : op.MatMul(scores, hot());
  const normal = logSum === null ? picked : op.Sub(picked, logSum);
  return op.Transpose(normal, { perm: [1, 0, 2] });
}

function lengthsOf({ to, arrays, rows }: Sequences): string | null {
  const { inputLengths } = arrays;
  return inputLengths ? to.reshape(to.cast(inputLengths.name, "float"), [1, rows, 1]) : null;
}

/** Writes ln Σ exp over a state and the two before it, or behind it, as far as they lead there. */
function joinedStates(
  { op, to, constant, output: { dtype }, rows }: Sequences,
  { states, skips }: LabelPath,
  direction: -1 | 1,
) {
  const bounded = (state: number) => Math.min(Math.max(state, 0), states - 1);
  const from = range(states).flatMap((s) => [0, 1, 2].map((k) => bounded(s + direction * k)));
  const edge = direction < 0 ? 0 : states - 1;
  const near = range(states).flatMap((s) => [0, s === edge ? NEVER : 0]);
  const nears = to.expand(constant(dtype, [1, states, 2], near), [1, states, 2], [rows, states, 2]);
  const ahead = () => {
    const never = to.expand(constant(dtype, [1, 1], [NEVER]), [1, 1], [rows, 2]);
    return op.Concat([to.slice(skips, [2], [states], [1]), never], { axis: 1 });
  };
  const far = to.unsqueeze(direction < 0 ? skips : ahead(), [2]);
  const bias = to.unsqueeze(op.Concat([nears, far], { axis: 2 }), [0]);
  const three = constant("int64", [states, 3], from);
  return (x: string) => {
    const sums = op.Add(op.Gather(x, three, { axis: 2 }), bias);
    return to.reduce("ReduceLogSumExp", sums, [3], false);
  };
}

/** Writes ln p of the labels of each row, forward through the steps. */
export function pathProbability(of: Sequences, labels: LabelPath, given: Scores): PathProbability {
  const { op, to, constant, number, output } = of;
  const { dtype } = output;
  const { scores, isNormal } = given;
  const logSum = isNormal ? null : to.reduce("ReduceLogSumExp", scores, [2]);
  const allSteps = emissionsOf(of, labels, scores, logSum);
  const lengths = lengthsOf(of);
  const begin = range(labels.states).map((state) => (state < 2 ? 0 : NEVER));
  const joined = joinedStates(of, labels, -1);
  const at = (from: number, end: number) => to.slice(allSteps, [from], [end], [0]);
  const first = op.Add(at(0, 1), constant(dtype, [1, 1, labels.states], begin));
  const emissions = of.steps > 1 ? at(1, of.steps) : allSteps;
  const next = (state: string, read: string, step: string) => {
    const moved = op.Add(joined(state), read);
    return lengths ? to.where(op.Greater(lengths, step), moved, state, dtype) : moved;
  };
  const { states: others, last } =
    of.steps > 1
      ? followed(of, { start: first, read: emissions, backward: false, next })
      : { states: null, last: first };
  const alphas = others === null ? first : op.Concat([first, others], { axis: 0 });
  const total = to.reduce("ReduceLogSumExp", op.Add(last, labels.ends), [2], false);
  const logP = to.reshape(total, [of.rows, 1]);
  const feasible = to.cast(op.Greater(logP, number(NEVER / 10)), dtype);
  return { ...given, logSum, emissions, alphas, lengths, logP, feasible };
}

/** Writes ln p of all paths from each state at each step to the end: [steps, rows, states]. */
function betasOf(
  of: Sequences,
  labels: LabelPath,
  { emissions, lengths }: PathProbability,
): string {
  const { op, to, output, steps } = of;
  const { ends } = labels;
  if (steps === 1) return ends;
  const joined = joinedStates(of, labels, 1);
  const next = (state: string, read: string, step: string) => {
    const moved = joined(op.Add(state, read));
    return lengths ? to.where(op.Greater(lengths, step), moved, ends, output.dtype) : moved;
  };
  const { states } = followed(of, { start: ends, read: emissions, backward: true, next });
  return op.Concat([states, ends], { axis: 0 });
}

/**
 * Writes the gradient of Σ −w ln p by the scores: w (softmax − the share of the paths that are at each
 * class). `weights` are [rows, 1].
 */
export function pathGradient(
  of: Sequences,
  labels: LabelPath,
  paths: PathProbability & { readonly weights: string },
): string {
  const { op, to, constant, rows, steps, classes, output } = of;
  const { alphas, lengths, logP, logSum, scores, weights } = paths;
  const betas = betasOf(of, labels, paths);
  const through = op.Sub(op.Add(alphas, betas), to.unsqueeze(logP, [0]));
  const shares = op.Exp(op.Neg(op.Relu(op.Neg(through))));
  const counts =
    lengths &&
    to.cast(op.Greater(lengths, constant("float", [steps, 1, 1], range(steps))), output.dtype);
  const own = op.Transpose(counts ? op.Mul(shares, counts) : shares, { perm: [1, 0, 2] });
  const shape = [rows, steps, labels.states];
  const places = () => to.expand(to.unsqueeze(labels.path, [1]), [rows, 1, labels.states], shape);
  const perClass = to.scattersAdd
    ? to.scatterAdd(to.zeros([rows, steps, classes], output.dtype), places(), own, 2)
    : op.MatMul(own, to.oneHot(labels.path, { rank: 2, classes }, output.dtype));
  const perRow = to.unsqueeze(weights, [2]);
  if (logSum === null) return op.Mul(op.Neg(perClass), perRow);
  const softmax = op.Exp(op.Sub(scores, logSum));
  const kept = counts ? op.Mul(softmax, op.Transpose(counts, { perm: [1, 0, 2] })) : softmax;
  return op.Mul(op.Sub(kept, perClass), perRow);
}
