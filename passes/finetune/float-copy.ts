import { fileInFloat } from "../../src/infer/stand-in.ts";
import { type Model, modelOf } from "../../src/model.ts";

/** Returns a model with float in place of bfloat16; the model itself if it has none. */
export function floatCopy(model: Model): Model {
  const changed = fileInFloat(model.file);
  return changed ? modelOf(changed) : model;
}
