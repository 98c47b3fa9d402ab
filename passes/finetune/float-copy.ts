import { fileInFloat } from "../../src/infer/stand-in.ts";
import { type Model, modelOf } from "../../src/model.ts";

/**
 * Returns a model with float in place of bfloat16, which onnxruntime can run, and calls `onNote` with
 * what a user must know of it; the model itself if it has no bfloat16.
 */
export function floatCopy(model: Model, onNote?: (note: string) => void): Model {
  const source = fileInFloat(model.file);
  if (!source) return model;
  onNote?.(
    "onnxruntime has no kernels for bfloat16: the model is trained in float, and the tuned weights are rounded to bfloat16 at the end.",
  );
  return modelOf(source, model.folder);
}
