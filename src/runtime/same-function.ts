import type { Tensor } from "onnxruntime-common";
import { isFloat } from "../graph/types.ts";
import { compare, type Difference, ulp } from "./compare.ts";
import { dtypeOf } from "./floats.ts";
import { type Ort, type Runnable, type Tensors, withSession } from "./session.ts";

/** What was measured of one output over all inputs. */
export interface OutputReport {
  readonly output: string;
  /** The two models with optimisations disabled. */
  readonly plain: Difference;
  /** The two models fully optimised. */
  readonly optimised: Difference;
  /** What optimising alone moves the first model by: largest |a − b|. */
  readonly noise: number;
  /** What the optimised difference is held against: max(4 × noise, 4 ULP of the largest magnitude). */
  readonly tolerance: number;
  /** The first model differs from itself from run to run. */
  readonly random: boolean;
  readonly passed: boolean;
}

/**
 * Holds one model against another on the same inputs: bit for bit with optimisations disabled,
 * within the first model's own noise when fully optimised. One session at a time.
 */
export async function sameFunction(
  ort: Ort,
  before: Runnable,
  after: Runnable,
  feeds: readonly Tensors[],
): Promise<OutputReport[]> {
  const plain = await runAll(ort, before, "disabled", [...feeds, feeds[0]]);
  const again = plain.pop()!;
  const optimised = await runAll(ort, before, "all", feeds);
  const newPlain = await runAll(ort, after, "disabled", feeds);
  const newOptimised = await runAll(ort, after, "all", feeds);
  return Object.keys(plain[0]).map((output) => {
    const worst = (a: readonly Tensors[], b: readonly Tensors[]) =>
      a.map((tensors, k) => compare(tensors[output], b[k][output])).reduce(worse);
    const random = !compare(plain[0][output], again[output]).bitEqual;
    const dtype = dtypeOfTensor(plain[0][output]);
    const noise = worst(plain, optimised);
    const [exact, loose] = [worst(plain, newPlain), worst(optimised, newOptimised)];
    const four = isFloat(dtype) ? 4 * ulp(noise.magnitude, dtype) : 0;
    const tolerance = Math.max(4 * noise.absolute, four);
    const passed = random || (exact.bitEqual && loose.absolute <= tolerance);
    return {
      output,
      plain: exact,
      optimised: loose,
      noise: noise.absolute,
      tolerance,
      random,
      passed,
    };
  });
}

const dtypeOfTensor = (tensor: Tensor) => (tensor.type === "string" ? "string" : dtypeOf(tensor));

/** Runs a model on each of the inputs in one session. */
export const runAll = (
  ort: Ort,
  model: Runnable,
  level: "disabled" | "all",
  feeds: readonly Tensors[],
) =>
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
