import { runAll } from "../../src/compare/outputs.ts";
import { hasTensors } from "../../src/graph/types.ts";
import { NO_KERNEL, unloadable } from "../../src/ort/loadable.ts";
import {
  type Ort,
  type Runnable,
  reason,
  type Tensors,
  withSession,
} from "../../src/ort/session.ts";
import { givenSamples, type Samples, sampleInputs } from "../../src/samples/samples.ts";
import type { ProofOptions } from "./checks.ts";
import { checkKept } from "./kept-outputs.ts";
import type { LoweredOriginal } from "./lowering-check.ts";

const ROUNDS = 3;

/**
 * The inputs of a proof: those given, or random ones that the original runs on. A clause if
 * onnxruntime cannot run the original at all; throws an InputError if the original is unsound.
 */
export async function proofInputs(
  ort: Ort,
  original: LoweredOriginal,
  before: Runnable,
  options: ProofOptions,
): Promise<Samples | string> {
  const { graph, types } = original;
  let outputs: Tensors = {};
  const run = async (feed: Tensors) => {
    const got = await runAll(ort, before, "disabled", [feed]);
    [outputs] = got;
    return got;
  };
  let samples: Samples;
  try {
    samples = options.feeds
      ? givenSamples(graph, options.feeds)
      : await sampleInputs({ ort, graph, types }, run, ROUNDS, options);
  } catch (thrown) {
    const why = await refusal(ort, before, original);
    if (why === null) throw thrown;
    return why;
  }
  checkKept(graph.file.source.name, outputs, ROUNDS);
  return samples;
}

/**
 * Why onnxruntime cannot run a sound model at all; null where it can. Throws an InputError where
 * it holds that the model is none.
 */
async function refusal(
  ort: Ort,
  model: Runnable,
  { graph, types }: LoweredOriginal,
): Promise<string | null> {
  try {
    await withSession(ort, model, "disabled", async () => {});
  } catch (thrown) {
    if (NO_KERNEL.test(String(thrown)))
      return `onnxruntime has no kernels to run the original here (${reason(thrown)})`;
    throw unloadable(graph.file, thrown);
  }
  const { inputs, outputs } = graph.file.graph;
  const other = [...inputs, ...outputs].find(({ type }) => type && !type.tensor);
  if (other)
    return `onnxruntime's JavaScript API takes and gives tensors only, and ${other.name} is none`;
  for (const input of graph.main.inputs) {
    const { dtype = "" } = types.get(input) ?? {};
    if (dtype && !hasTensors(dtype))
      return `onnxruntime's JavaScript API has no ${dtype} tensors, which input ${input.name} takes`;
  }
  return null;
}
