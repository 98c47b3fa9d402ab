import type { Model } from "../model.ts";
import { bytesOfTensor } from "../runtime/floats.ts";
import type { Tensors } from "../runtime/session.ts";
import { withWeights } from "./weights.ts";

/** The model with the weights of a training: only their bytes differ. */
export const tunedModel = (model: Model, weights: Tensors): Model =>
  withWeights(
    model,
    new Map(Object.entries(weights).map(([name, tensor]) => [name, bytesOfTensor(tensor)])),
  );
