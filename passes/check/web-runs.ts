import { nudgedStandard } from "../../src/compare/nudged-weights.ts";
import { notRun, type Outcome } from "../../src/compare/outcome.ts";
import { type FunctionReport, runAll, sameFunction } from "../../src/compare/outputs.ts";
import { carrying, inMemory, retyped, tooLarge } from "../../src/compare/second-opinion.ts";
import { type Model, typesOf } from "../../src/model.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { withFixedSeeds } from "../../src/ort/fixed-seeds.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, reason, type Tensors } from "../../src/ort/session.ts";
import type { SampleOptions } from "../../src/samples/draw.ts";
import { sampleInputs } from "../../src/samples/samples.ts";

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
    const load = (file: ModelFile) => runnable(withFixedSeeds(file));
    const standard = await nudgedStandard(ort, model.file, feeds, load);
    const theirs = { ...standard, feeds: feeds.map((each) => retyped(web, each)) };
    return await sameFunction(carrying(web, model.file), theirs, inMemory(model.file), "near");
  } catch (error) {
    return notRun(`onnxruntime-node does not run it (${reason(error)})`);
  }
}
