import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { runnable } from "./loading.ts";
import { type Ort, withSession } from "./session.ts";

/** What onnxruntime says of a sound model for which it has no code. */
export const NO_KERNEL =
  /Could not find an implementation|not a registered function\/op|Type 'tensor\(bfloat16\)'/;

/**
 * Throws an InputError, with onnxruntime's whole reason, where it holds that a model is none that it
 * can load: its IR version, an operator set, a name that is there twice. A sound model that it has
 * no kernels for passes. Loads the whole model.
 */
export async function checkLoadable(ort: Ort, file: ModelFile): Promise<void> {
  try {
    await withSession(ort, runnable(file), "disabled", async () => {});
  } catch (thrown) {
    if (thrown instanceof InputError) throw thrown;
    if (!NO_KERNEL.test(String(thrown))) throw unloadable(file, thrown);
  }
}

/** What is said of a model that onnxruntime does not load. */
export const unloadable = ({ source }: ModelFile, thrown: unknown) =>
  new InputError(
    `${source.name}: onnxruntime cannot load this model: ${wholeReason(thrown)}; convert it for this version, or export it again.`,
  );

/** All that onnxruntime says, without its codes and the place in its own source. */
function wholeReason(thrown: unknown): string {
  return String((thrown as Error)?.message ?? thrown)
    .replace(/^(?:Error: )?(?:Can't create a session\. )?/, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /, "")
    .replace(/(?<=failed:)(?=\S)/, " ")
    .replace(/\/onnxruntime_src\/\S+:\d+ .*?\) (?:const )?(?=[A-Z])/s, "")
    .trim()
    .replace(/[.;\s]+$/, "");
}
