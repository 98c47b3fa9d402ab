import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { runnable } from "./loading.ts";
import { type Ort, withSession } from "./session.ts";

/** onnxruntime's messages for valid models that it has no kernels for. */
export const NO_KERNEL =
  /Could not find an implementation|not a registered function\/op|Type 'tensor\(bfloat16\)'/;

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
    if (!NO_KERNEL.test(String(thrown))) throw unloadable(file, thrown);
  }
}

/** How onnxruntime begins what a kernel lacks on this machine, such as a locale. */
const LACKS = /Exception during initialization/;

/** Returns the message for a model that onnxruntime does not load. */
export function unloadable({ source }: ModelFile, thrown: unknown): InputError {
  const advice = LACKS.test(String(thrown))
    ? ""
    : "; convert it for this version, or export it again";
  return new InputError(
    `${source.name}: onnxruntime cannot load this model: ${wholeReason(thrown)}${advice}.`,
  );
}

/** Returns onnxruntime's whole message, without its codes and source positions. */
function wholeReason(thrown: unknown): string {
  return String((thrown as Error)?.message ?? thrown)
    .replace(/^(?:Error: )?(?:Can't create a session\. )?/, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /, "")
    .replace(/(?<=failed:)(?=\S)/, " ")
    .replace(/\/onnxruntime_src\/\S+:\d+ .*?\) (?:const )?(?=[A-Z])/s, "")
    .trim()
    .replace(/[.;\s]+$/, "");
}
