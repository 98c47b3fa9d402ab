import { type LabelPath, NEVER, type Sequences } from "./ctc-labels.ts";

/** The first opset with ScatterElements that add, and with GatherElements. */
const [SCATTER_ADD, PICKING] = [16, 11];

type Of = Sequences & { readonly opset: number };

/** Scores [rows, steps, classes], and whether they are logarithms of probabilities. */
interface Scores {
  readonly scores: string;
  readonly isNormal: boolean;
}

/** The probability of the labels of each row, and what its gradient is computed from. */
interface PathProbability extends Scores {
  /** ln Σ exp of the scores at each step; null if they are normal. */
  readonly logSum: string | null;
  /** ln p of each state's class at each step: [1, rows, states] each. */
  readonly emissions: readonly string[];
  /** ln p of all ways to each state at each step: [1, rows, states] each. */
  readonly alphas: readonly string[];
  /** Whether each step belongs to a row, [1, rows, 1] each; null if all do. */
  readonly within: readonly string[] | null;
  /** ln p of the labels, [rows, 1]. */
  readonly logP: string;
  /** 1 if there is a way, otherwise 0: [rows, 1]. */
  readonly feasible: string;
}

const count = (n: number) => Array.from({ length: n }, (_, k) => k);

/** Writes ln p of each state's class at each step. */
function emissionsOf(of: Of, { path, states }: LabelPath, scores: string, logSum: string | null) {
  const { writing, rows, steps, classes, output, opset } = of;
  const { op, to } = writing;
  const indices = () =>
    to.expand(to.unsqueeze(path, [1]), [rows, 1, states], [rows, steps, states]);
  const hot = () => op.Transpose(to.oneHot(path, 2, classes, output.dtype), { perm: [0, 2, 1] });
  const picked =
    opset >= PICKING ? op.GatherElements(scores, indices(), { axis: 2 }) : op.MatMul(scores, hot());
  const normal = logSum === null ? picked : op.Sub(picked, logSum);
  return perStep(of, op.Transpose(normal, { perm: [1, 0, 2] }));
}

/** Cuts the first axis into its steps. */
const perStep = ({ writing: { to }, steps }: Of, x: string) =>
  steps === 1 ? [x] : to.split(x, new Array(steps).fill(1), 0);

/** Whether each step belongs to a row; null if the rows have no lengths. */
function withinRows(of: Of): readonly string[] | null {
  const { writing, arrays, rows, steps } = of;
  const { op, to, constant } = writing;
  if (!arrays.inputLengths) return null;
  const lengths = to.reshape(to.cast(arrays.inputLengths.name, "float"), [1, rows, 1]);
  return count(steps).map((step) => op.Greater(lengths, constant("float", [], [step])));
}

/** Writes ln Σ exp over a state and the two before it, or behind it, as far as they lead there. */
function joinedStates(of: Of, { states, skips }: LabelPath, direction: -1 | 1) {
  const { writing, output, rows } = of;
  const { op, to, constant } = writing;
  const { dtype } = output;
  const bounded = (state: number) => Math.min(Math.max(state, 0), states - 1);
  const from = count(states).flatMap((s) => [0, 1, 2].map((k) => bounded(s + direction * k)));
  const edge = direction < 0 ? 0 : states - 1;
  const near = count(states).flatMap((s) => [0, s === edge ? NEVER : 0]);
  const nears = to.expand(constant(dtype, [1, states, 2], near), [1, states, 2], [rows, states, 2]);
  const ahead = () => {
    const never = to.expand(constant(dtype, [1, 1], [NEVER]), [1, 1], [rows, 2]);
    return op.Concat([to.slice(skips, [2], [states], [1]), never], { axis: 1 });
  };
  const far = to.unsqueeze(direction < 0 ? skips : ahead(), [2]);
  const bias = to.unsqueeze(op.Concat([nears, far], { axis: 2 }), [0]);
  const indices = constant("int64", [states, 3], from);
  return (x: string) => {
    const three = op.Add(op.Gather(x, indices, { axis: 2 }), bias);
    return to.reduce("ReduceLogSumExp", three, [3], false);
  };
}

/** Writes ln p of the labels of each row, forward through the steps. */
export function pathProbability(of: Of, labels: LabelPath, given: Scores): PathProbability {
  const { writing, output } = of;
  const { op, to, constant } = writing;
  const { dtype } = output;
  const { scores, isNormal } = given;
  const logSum = isNormal ? null : to.reduce("ReduceLogSumExp", scores, [2]);
  const emissions = emissionsOf(of, labels, scores, logSum);
  const within = withinRows(of);
  const begin = count(labels.states).map((state) => (state < 2 ? 0 : NEVER));
  const joined = joinedStates(of, labels, -1);
  const alphas = [op.Add(emissions[0], constant(dtype, [1, 1, labels.states], begin))];
  for (const [t, emission] of emissions.entries()) {
    if (t === 0) continue;
    const next = op.Add(joined(alphas[t - 1]), emission);
    alphas.push(within ? to.where(within[t], next, alphas[t - 1], dtype) : next);
  }
  const all = to.reduce("ReduceLogSumExp", op.Add(alphas.at(-1)!, labels.ends), [2], false);
  const logP = to.reshape(all, [of.rows, 1]);
  const feasible = to.cast(op.Greater(logP, constant(dtype, [], [NEVER / 10])), dtype);
  return { ...given, logSum, emissions, alphas, within, logP, feasible };
}

/** Writes ln p of all ways from each state at each step to the end. */
function betasOf(of: Of, labels: LabelPath, { emissions, within }: PathProbability): string[] {
  const { writing, output, steps } = of;
  const { op, to } = writing;
  const joined = joinedStates(of, labels, 1);
  const betas = [labels.ends];
  for (let t = steps - 2; t >= 0; t--) {
    const next = joined(op.Add(betas[0], emissions[t + 1]));
    betas.unshift(within ? to.where(within[t + 1], next, labels.ends, output.dtype) : next);
  }
  return betas;
}

/**
 * Writes the gradient of Σ −w ln p by the scores: w (softmax − the share of the ways that are at each
 * class). `weights` are [rows, 1].
 */
export function pathGradient(
  of: Of,
  labels: LabelPath,
  paths: PathProbability & { readonly weights: string },
): string {
  const { writing, rows, steps, classes, output, opset } = of;
  const { op, to } = writing;
  const { alphas, within, logP, logSum, scores, weights } = paths;
  const betas = betasOf(of, labels, paths);
  const stacked = (all: readonly string[]) => (steps === 1 ? all[0] : op.Concat(all, { axis: 0 }));
  const ways = op.Sub(op.Add(stacked(alphas), stacked(betas)), to.unsqueeze(logP, [0]));
  const shares = op.Exp(op.Neg(op.Relu(op.Neg(ways))));
  const counts = within && stacked(within.map((each) => to.cast(each, output.dtype)));
  const own = op.Transpose(counts ? op.Mul(shares, counts) : shares, { perm: [1, 0, 2] });
  const shape = [rows, steps, labels.states];
  const indices = () => to.expand(to.unsqueeze(labels.path, [1]), [rows, 1, labels.states], shape);
  const perClass =
    opset >= SCATTER_ADD
      ? to.scatterAdd(to.zeros([rows, steps, classes], output.dtype), indices(), own, 2)
      : op.MatMul(own, to.oneHot(labels.path, 2, classes, output.dtype));
  const each = to.unsqueeze(weights, [2]);
  if (logSum === null) return op.Mul(op.Neg(perClass), each);
  const softmax = op.Exp(op.Sub(scores, logSum));
  const kept = counts ? op.Mul(softmax, op.Transpose(counts, { perm: [1, 0, 2] })) : softmax;
  return op.Mul(op.Sub(kept, perClass), each);
}
