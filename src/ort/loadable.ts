import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { runnable } from "./loading.ts";
import { lacksKernel, lacksResource, wholeReason } from "./messages.ts";
import { type Ort, withSession } from "./session.ts";

/**
 * Throws an InputError with onnxruntime's reason if onnxruntime rejects the model: its IR version,
 * an operator set, a duplicate name. Accepts a valid model that it has no kernels for. Loads the
 * whole model.
 */
export async function checkLoadable(ort: Ort, file: ModelFile): Promise<void> {
  try {
    await withSession(ort, runnable(file), "disabled", async () => {});
  } catch (thrown) {
    if (thrown instanceof InputError) throw thrown;
    if (!lacksKernel(thrown)) throw unloadable(file, thrown);
  }
}

/** Returns the message for a model that onnxruntime does not load. */
export function unloadable({ source }: ModelFile, thrown: unknown): InputError {
  const advice = lacksResource(thrown) ? "" : "; convert it for this version, or export it again";
  return new InputError(
    `${source.name}: onnxruntime cannot load this model: ${wholeReason(thrown)}${advice}.`,
  );
}
