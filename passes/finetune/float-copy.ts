import { fileInFloat } from "../../src/infer/stand-in.ts";
import { type Model, modelOf } from "../../src/model.ts";

/** Models that are known to have no bfloat16. */
const plain = new WeakSet<Model>();

/** Returns a model with float in place of bfloat16; the model itself if it has none. */
export function floatCopy(model: Model): Model {
  const source = plain.has(model) ? null : fileInFloat(model.file);
  const copy = source ? modelOf(source, model.folder) : model;
  plain.add(copy);
  return copy;
}
