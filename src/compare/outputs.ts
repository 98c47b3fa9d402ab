import type { Tensor } from "onnxruntime-common";
import { isFloat } from "../onnx/dtypes.ts";
import { reason } from "../ort/messages.ts";
import {
  type Level,
  levelsOf,
  type Ort,
  type Runnable,
  type Tensors,
  withSession,
} from "../ort/session.ts";
import { dtypeOf, holdOneNumber, notFiniteIn } from "../ort/tensors.ts";
import { compareTensors, type Difference, isClose, sameFiniteness, ulp } from "./difference.ts";
import { type Outcome, ran } from "./outcome.ts";

/** Measurements of one output over all inputs. */
export interface OutputReport {
  readonly output: string;
  /** The difference of the two models with optimizations disabled. */
  readonly plain: Difference;
  /** The difference of the two models when fully optimized. */
  readonly optimized: Difference;
  /**
   * How far optimization alone moves the first model, or either one if both may move: largest |a −
   * b|. For a fold also how far the first lies from its value in float64. If `nudged`, also how
   * far the last bits of its weights move the first model.
   */
  readonly noise: number;
  /**
   * Whether the last bits of weights were flipped to measure the noise. That happens only if the
   * difference exceeds the tolerance otherwise: optimization alone may leave every rounding as it is.
   */
  readonly nudged: boolean;
  /**
   * The tolerance for the optimized difference: max(4 × noise, 4 ULP of the largest magnitude). It
   * also applies to the other difference if the model may move. Infinity if only parts of the model
   * are checked.
   */
  readonly tolerance: number;
  /** Whether the first model differs from itself from run to run. */
  readonly random: boolean;
  /** Number of the original's elements that are NaN or infinite, over all inputs. */
  readonly notFinite: number;
  /** Whether all finite ones of several elements are one number, over all inputs: 0, or a bound. */
  readonly constant: boolean;
  readonly passed: boolean;
}

/** Measurements of the same-function check. */
export interface FunctionReport {
  /** Number of sets of inputs. */
  readonly inputs: number;
  readonly outputs: readonly OutputReport[];
  /** Values that are compared too, if each output holds one number, NaN and infinities alone. */
  readonly beside?: readonly string[];
  /** Optimization level of both: "all", or the highest at which onnxruntime loads the first. */
  readonly level: Level;
  /** onnxruntime's message if it rejects the second model; otherwise null. */
  readonly error: string | null;
}

/** A model's outputs on some inputs: the baseline that another is checked against. */
export interface Baseline {
  readonly feeds: readonly Tensors[];
  readonly plain: readonly Tensors[];
  readonly optimized: readonly Tensors[];
  /** The outputs computed in float64 and rounded, if they are known: how far its own rounding moves it. */
  readonly exact?: readonly Tensors[];
  /** Runs it at its level, last bits of its weights flipped; absent if that is not measured. */
  readonly nudged?: () => Promise<readonly Tensors[]>;
  /** Its optimization level. */
  readonly level: Level;
  /** Outputs that differ from run to run. */
  readonly random: ReadonlySet<string>;
  /** Those of them that differ even with fixed seeds, so that they are not checked. */
  readonly unheld: ReadonlySet<string>;
}

/** What is known of a model before it is run for a comparison. */
interface KnownRuns {
  /** Gives the model with last bits of its weights flipped. */
  readonly nudged?: (() => Runnable) | undefined;
  /** Its outputs on the inputs with optimizations disabled, if they do not differ from run to run. */
  readonly plain?: readonly Tensors[] | undefined;
}

/**
 * Runs a model on each of the inputs, with optimizations disabled and fully optimized, or at the
 * highest level that onnxruntime's optimizer supports for it. Throws onnxruntime's error if it
 * fails without optimization. A model that draws at random, and a model checked against it, must
 * have fixed seeds.
 */
export async function baselineOf(
  ort: Ort,
  model: Runnable,
  feeds: readonly Tensors[],
  { nudged, plain: given }: KnownRuns = {},
): Promise<Baseline> {
  const plain = given ? [...given] : await runAll(ort, model, "disabled", [...feeds, feeds[0]]);
  const again = given ? plain[0] : plain.pop()!;
  const moved = (other: Tensors) =>
    new Set(
      Object.keys(other).filter((name) => !compareTensors(plain[0][name], other[name]).bitEqual),
    );
  const random = moved(again);
  const unheld =
    random.size > 0 ? moved((await runAll(ort, model, "disabled", [feeds[0]]))[0]) : random;
  const known = { feeds, plain, random, unheld };
  for (const level of levelsOf(ort).slice(0, -1))
    try {
      const baseline = { ...known, optimized: await runAll(ort, model, level, feeds), level };
      return nudged ? { ...baseline, nudged: () => runAll(ort, nudged(), level, feeds) } : baseline;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
    }
  return { ...known, optimized: plain, level: "disabled" };
}

/**
 * How a model is checked against another: "equal" bit for bit with optimizations disabled; "near"
 * within the noise of both, for one written in other operators; "noise" within that of the first
 * alone; "parts" not as a whole; otherwise within tolerances, element by element.
 */
export type Agreement =
  | "equal"
  | "near"
  | "noise"
  | "parts"
  | { readonly atol: number; readonly rtol: number };

/**
 * Checks a model against another's outputs on the same inputs. With optimizations disabled they are
 * equal bit for bit, except for signs of zeros. Fully optimized, they are within the first model's own
 * noise. If only that is exceeded, the noise is measured again with flipped last bits of the first
 * model's weights. Uses one session at a time.
 */
export async function sameFunction(
  ort: Ort,
  baseline: Baseline,
  model: Runnable,
  agreement: Agreement = "equal",
): Promise<Outcome<FunctionReport>> {
  const inputs = baseline.feeds.length;
  const checkedAgainst = async (against: Baseline): Promise<Outcome<FunctionReport>> => {
    const { level, feeds } = against;
    const plain = await runAll(ort, model, "disabled", feeds);
    const optimized = level === "disabled" ? plain : await runAll(ort, model, level, feeds);
    const first = comparedOutputs(against, [plain, optimized], agreement);
    const nudged = mayBeRounding(first, agreement) && (await against.nudged?.());
    const outputs = nudged
      ? comparedOutputs(against, [plain, optimized], agreement, nudged)
      : first;
    const passed = outputs.every((output) => output.passed);
    return ran(passed, { inputs, outputs, level, error: null });
  };
  const unoptimized: Baseline = { ...baseline, level: "disabled", optimized: baseline.plain };
  try {
    // If the optimizer fails on the first model at some level, the second is not optimized further.
    return baseline.level === "all"
      ? await checkedAgainst(baseline)
      : await checkedAgainst(baseline).catch(() => checkedAgainst(unoptimized));
  } catch (thrown) {
    return ran(false, { inputs, outputs: [], level: baseline.level, error: reason(thrown) });
  }
}

/** Whether something fails, and only by finite differences from outputs that may round otherwise. */
const mayBeRounding = (outputs: readonly OutputReport[], agreement: Agreement) => {
  const failed = outputs.filter(({ passed }) => !passed);
  const areFinite = ({ plain, optimized }: OutputReport) =>
    (agreement === "equal" ? plain.absolute === 0 : Number.isFinite(plain.absolute)) &&
    Number.isFinite(optimized.absolute);
  return failed.length > 0 && typeof agreement === "string" && failed.every(areFinite);
};

function comparedOutputs(
  { plain, optimized, exact, random, unheld }: Baseline,
  [newPlain, newOptimized]: readonly (readonly Tensors[])[],
  agreement: Agreement,
  nudged?: readonly Tensors[],
): OutputReport[] {
  return Object.keys(plain[0]).map((output) => {
    // If optimization adds or removes infinities, the optimized outputs are not compared.
    const comparable = plain.map((tensors, k) =>
      sameFiniteness(tensors[output], optimized[k][output]),
    );
    const worst = (a: readonly Tensors[], b: readonly Tensors[], at?: typeof comparable) =>
      a.map((tensors, k) => compareTensors(tensors[output], b[k][output], at?.[k])).reduce(worse);
    const noises = [
      ...(exact?.[0][output] ? [worst(plain, exact)] : []),
      ...(nudged ? [worst(optimized, nudged, comparable)] : []),
    ].filter(({ absolute }) => Number.isFinite(absolute));
    if (agreement === "near") noises.push(worst(newPlain, newOptimized, comparable));
    const noise = noises.reduce(worse, worst(plain, optimized, comparable));
    const unoptimized = worst(plain, newPlain);
    const loose = worst(optimized, newOptimized, comparable);
    const tolerance = toleranceOf(noise, dtypeOf(plain[0][output]));
    const moves = agreement === "near" || agreement === "noise";
    // A zero may lose its sign, because LAuReL adds 0 to its skip: −0 + 0 is 0.
    const still = unoptimized.absolute <= (moves ? tolerance : 0);
    const within = typeof agreement === "object" ? agreement : null;
    const allClose = (a: readonly Tensors[], b: readonly Tensors[], at?: typeof comparable) =>
      a.every((tensors, k) => isClose(tensors[output], b[k][output], within!, at?.[k]));
    const agrees = within
      ? allClose(plain, newPlain) && allClose(optimized, newOptimized, comparable)
      : agreement === "parts" || (still && loose.absolute <= tolerance);
    return {
      output,
      plain: unoptimized,
      optimized: loose,
      noise: noise.absolute,
      nudged: nudged !== undefined,
      tolerance: agreement === "parts" ? Infinity : tolerance,
      random: random.has(output),
      notFinite: plain.reduce((sum, tensors) => sum + notFiniteIn(tensors[output]), 0),
      constant: holdOneNumber(plain.map((tensors) => tensors[output])),
      passed: unheld.has(output) || agrees,
    };
  });
}

/** Returns the tolerance of a difference: max(4 × noise, 4 ULP of the largest magnitude). */
function toleranceOf({ absolute, magnitude }: Difference, dtype: string): number {
  const noise = Number.isFinite(absolute) ? absolute : 0;
  return Math.max(4 * noise, isFloat(dtype) ? 4 * ulp(magnitude, dtype) : 0);
}

/** Runs a model on each of the inputs in one session. */
export const runAll = (ort: Ort, model: Runnable, level: Level, feeds: readonly Tensors[]) =>
  withSession(ort, model, level, async (session) => {
    const results: Tensors[] = [];
    for (const feed of feeds) results.push(await session.run(feed as Record<string, Tensor>));
    return results;
  });

const worse = (a: Difference, b: Difference): Difference => ({
  bitEqual: a.bitEqual && b.bitEqual,
  absolute: Math.max(a.absolute, b.absolute),
  relative: Math.max(a.relative, b.relative),
  ulps: Math.max(a.ulps, b.ulps),
  magnitude: Math.max(a.magnitude, b.magnitude),
});
