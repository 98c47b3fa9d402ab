import { compareTensors } from "../../src/compare/difference.ts";
import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import {
  type FunctionReport,
  runAll,
  sameFunction,
  standardOf,
} from "../../src/compare/outputs.ts";
import { carrying, inMemory, retyped, tooLarge } from "../../src/compare/second-opinion.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { withFixedSeeds } from "../../src/ort/fixed-seeds.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, reason, type Tensors } from "../../src/ort/session.ts";
import { type SampleOptions, sampleInputs } from "../../src/samples/samples.ts";

import { withNudgedWeights } from "./nudged-weights.ts";

/** Sets of inputs. */
const ROUNDS = 3;

/** What a model is run with. */
export interface WebRun extends SampleOptions {
  readonly ort: Ort;
  readonly web: Ort;
  readonly feeds?: readonly Tensors[] | undefined;
}

/**
 * Runs a model under onnxruntime-web and under onnxruntime-node on the same inputs. Outputs may
 * differ by four times the noise of both: what optimizing alone moves either by, or what a change of
 * the last bit of weights does, which is the size of a rounding. Does not run if onnxruntime-node
 * takes the model on no sample inputs, or if it is too large.
 */
export async function webRuns(
  model: Model,
  { ort, web, feeds: given, ...options }: WebRun,
): Promise<Outcome<FunctionReport>> {
  const large = tooLarge(model.file);
  if (large !== null) return notRun(large);
  const own = runnable(withFixedSeeds(model.file));
  const { types } = await typesOf(model, ort);
  try {
    const run = (feed: Tensors) => runAll(ort, own, "disabled", [feed]);
    const feeds =
      given ?? (await sampleInputs({ ort, graph: model.graph, types }, run, ROUNDS, options)).feeds;
    const standard = await standardOf(ort, own, feeds);
    const theirs = { ...standard, feeds: feeds.map((each) => retyped(web, each)) };
    const other = carrying(web, model.file);
    const held = await sameFunction(other, theirs, inMemory(model.file), "near");
    if (held.outcome !== "failed" || held.error !== null) return held;
    const nudged = runnable(withFixedSeeds(withNudgedWeights(model)));
    return widened(held, standard.plain, await runAll(ort, nudged, "disabled", feeds));
  } catch (error) {
    return notRun(`onnxruntime-node does not run it (${reason(error)})`);
  }
}

/** Figures that are also checked against the change of outputs by the last bit of the weights. */
function widened(
  held: FunctionReport,
  plain: readonly Tensors[],
  nudged: readonly Tensors[],
): Outcome<FunctionReport> {
  const outputs = held.outputs.map((report) => {
    const moved = plain.map((tensors, k) =>
      compareTensors(tensors[report.output], nudged[k][report.output]),
    );
    const noise = Math.max(report.noise, ...moved.map(({ absolute }) => absolute));
    const tolerance = Math.max(report.tolerance, 4 * noise);
    const largest = Math.max(report.plain.absolute, report.optimized.absolute);
    return { ...report, noise, tolerance, passed: report.passed || largest <= tolerance };
  });
  const { inputs, level, error } = held;
  return ran(
    outputs.every(({ passed }) => passed),
    { inputs, outputs, level, error },
  );
}
