import type { Tensor } from "onnxruntime-common";
import { compareTensors } from "../../src/compare/difference.ts";
import { dataOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { graphValues } from "../../src/graph/scopes.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { dtypeOf, numbersIn } from "../../src/ort/tensors.ts";
import {
  arrives,
  atRunningScale,
  type LearningRuns,
  moved,
  pointAt,
  type Round,
} from "./learning-runs.ts";
import { Passing } from "./passing.ts";

/** How it is seen that a tensor moves something. */
export interface Visibility {
  /** The outputs depend on no new tensor, or hold no number, so the last sum is watched instead. */
  readonly bySums: boolean;
  /** The outputs hold only integers or texts, which small steps may leave unchanged. */
  readonly discrete: boolean;
  /** The outputs that are watched, how far tensors are displaced, and which movements are known to arrive. */
  readonly passing: Passing;
}

/** How much further each is displaced if the outputs are integers, which small steps leave unchanged. */
const LARGER = [8, 64, 512];

/** Chooses how movements are seen, at the first point. Returns a clause if none can be seen. */
export async function visibilityOf(runs: LearningRuns, round: Round): Promise<Visibility | string> {
  const { comparable, last, running, result, isSteady } = runs;
  const { point, still } = round;
  const again = isSteady ? still : await running(point.feeds, Object.keys(still));
  const told = Object.keys(still).filter(
    (name) => compareTensors(still[name], again[name]).bitEqual,
  );
  const outputs = told.filter((name) => comparable.includes(name));
  if (outputs.length === 0) return "every output differs from run to run, even with fixed seeds";
  const seen = (names: readonly string[], scale: number): Passing =>
    new Passing(runs, { ...round, point: { ...point, scale } }, names);
  const discrete = !outputs.some(
    (name) => still[name].type !== "string" && isFloat(dtypeOf(still[name])),
  );
  if (!outputs.some((name) => holdsNumbers(still[name]))) {
    const canAsk = last !== null && told.includes(last) && holdsNumbers(still[last]);
    if (canAsk && hasNonFiniteWeights(result))
      return { bySums: true, discrete, passing: seen(told, 1) };
    return outputs.every((name) => still[name].data.length === 0)
      ? "every output is empty at these sizes; give other sizes with --dim"
      : "no output holds a number on the sample inputs, only NaN or infinities; give real inputs with --inputs";
  }
  const passing = seen(outputs, 1);
  if (!discrete && (await passing.sendFirst())) return { bySums: false, discrete, passing };
  const scale = await scaleThatMoves(runs, round, outputs, discrete ? [1, ...LARGER] : [1]);
  if (scale !== null) return { bySums: false, discrete, passing: seen(outputs, scale) };
  return { bySums: true, discrete, passing: seen(told, discrete ? LARGER.at(-1)! : 1) };
}

/** The first of the scales at which all tensors together change an output; null if none does. */
async function scaleThatMoves(
  runs: LearningRuns,
  round: Round,
  outputs: readonly string[],
  scales: readonly number[],
): Promise<number | null> {
  const tensors = round.effects.flat().map(({ tensor }) => tensor);
  const arrivesAt = (scale: number) => {
    const point = pointAt(runs, { ...round.point, scale });
    const weights = tensors.map((tensor) => moved(runs, point, tensor));
    return arrives(runs, round, outputs, Object.assign(Object.create(null), ...weights));
  };
  for (const scale of scales) if (await atRunningScale(scale, arrivesAt)) return scale;
  return null;
}

/** Whether a tensor holds something that can be seen to move: texts, integers or finite numbers. */
export const holdsNumbers = (tensor: Tensor) =>
  tensor.data.length > 0 &&
  (tensor.type === "string" ||
    !isFloat(dtypeOf(tensor)) ||
    numbersIn(tensor).some(Number.isFinite));

/** Whether a weight is NaN or infinite, so that other inputs would not help. */
const hasNonFiniteWeights = (graph: Graph): boolean =>
  graphValues(graph).some((value) => {
    const { dtype } = typeOfTensor(value) ?? {};
    const data = isFloat(dtype) ? dataOf(value) : null;
    return data ? decodeNumbers(dtype!, data).some((n) => !Number.isFinite(n)) : false;
  });
