import { mapValues } from "../entry.ts";
import { bytes } from "../figures.ts";
import { externalLocations } from "../onnx/all-tensors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { closing } from "../onnx/source.ts";
import { withFixedSeeds } from "../ort/fixed-seeds.ts";
import { inMemory } from "../ort/loading.ts";
import { reason } from "../ort/messages.ts";
import type { Ort, Tensors } from "../ort/session.ts";
import { newTensor } from "../ort/tensors.ts";
import { nudgedBaseline } from "./nudged-weights.ts";
import { notRun, type Outcome } from "./outcome.ts";
import { type Baseline, type FunctionReport, sameFunction } from "./outputs.ts";

/** Maximum size in bytes of a model with its weights for a runtime in 32-bit memory. */
const LARGEST = 1 << 30;

/**
 * Repeats the same-function check under another onnxruntime, which takes bytes and no paths. The
 * check does not run if that runtime rejects the first model, or if the weights do not fit.
 */
export async function secondOpinion(
  ort: Ort,
  before: ModelFile,
  after: ModelFile,
  given: readonly Tensors[],
): Promise<Outcome<FunctionReport>> {
  const large = tooLarge(after);
  if (large !== null) return notRun(large);
  const read = new Map<string, Uint8Array>();
  const load = (file: ModelFile) => inMemory(withFixedSeeds(file), read);
  let baseline: Baseline;
  try {
    const feeds = given.map((tensors) => retyped(ort, tensors));
    baseline = await nudgedBaseline(ort, before, feeds, { load });
  } catch (thrown) {
    return notRun(`the other runtime rejects the original (${reason(thrown)})`);
  }
  return sameFunction(ort, baseline, load(after));
}

/** Returns a clause on why a model is too large for 32-bit memory; null if it is not. */
export function tooLarge(file: ModelFile): string | null {
  const size = [...externalLocations(file)].reduce(
    (sum, location) => sum + closing(file.folder!.open(location), (data) => data.size),
    file.source.size,
  );
  return size > LARGEST
    ? `the model and its weights take ${bytes(size)}, more than the ${bytes(LARGEST)} that the other runtime is given`
    : null;
}

/** Returns tensors of this runtime's own class. */
export const retyped = (ort: Ort, tensors: Tensors): Tensors =>
  mapValues(tensors, ({ type, data, dims }) => newTensor(ort, type, data, dims));
