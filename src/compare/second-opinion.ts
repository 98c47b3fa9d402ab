import { mapValues } from "../entry.ts";
import { bytes } from "../figures.ts";
import { externalLocations } from "../onnx/all-tensors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { closing, contentOf } from "../onnx/source.ts";
import { withFixedSeeds } from "../ort/fixed-seeds.ts";
import { reason } from "../ort/messages.ts";
import type { Ort, Runnable, Tensors } from "../ort/session.ts";
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
  const other = carrying(ort, after);
  let baseline: Baseline;
  try {
    const feeds = given.map((tensors) => retyped(ort, tensors));
    baseline = await nudgedBaseline(other, before, feeds, { load: inMemory });
  } catch (thrown) {
    return notRun(`the other runtime rejects the original (${reason(thrown)})`);
  }
  return sameFunction(other, baseline, inMemory(after));
}

/** Returns a clause on why a model is too large for 32-bit memory; null if it is not. */
export function tooLarge(file: ModelFile): string | null {
  const size = written(file).reduce(
    (sum, location) => sum + closing(file.folder!.open(location), ({ size }) => size),
    file.source.size + (file.folder?.companion?.bytes.length ?? 0),
  );
  return size > LARGEST
    ? `the model and its weights take ${bytes(size)}, more than the ${bytes(LARGEST)} that the other runtime is given`
    : null;
}

/** Returns a runtime that takes no paths, with a model's data files for its sessions. */
export function carrying(ort: Ort, file: ModelFile): Ort {
  const { companion } = file.folder ?? {};
  const externalData = written(file).map((path) => ({
    path,
    data: closing(file.folder!.open(path), contentOf),
  }));
  if (companion) externalData.push({ path: companion.location, data: companion.bytes });
  if (externalData.length === 0) return ort;
  const create = (model: string | Uint8Array, options = {}) =>
    ort.InferenceSession.create(model as Uint8Array, { ...options, externalData });
  return { Tensor: ort.Tensor, sessionOptions: ort.sessionOptions, InferenceSession: { create } };
}

/** Returns a model as bytes, for a runtime that takes no paths. */
export const inMemory = (file: ModelFile): Runnable => ({
  model: contentOf(withFixedSeeds(file).source),
});

/** Returns tensors of this runtime's own class. */
export const retyped = (ort: Ort, tensors: Tensors): Tensors =>
  mapValues(tensors, ({ type, data, dims }) => newTensor(ort, type, data, dims));

/** Returns locations of data that is in the folder already. */
const written = (file: ModelFile) =>
  [...externalLocations(file)].filter((name) => name !== file.folder?.companion?.location);
