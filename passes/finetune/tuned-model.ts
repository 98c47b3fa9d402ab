import type { Model } from "../../src/model.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor } from "../../src/ort/tensors.ts";
import { withWeights } from "../adapter/weights.ts";

/** The model with the weights of a training: only their bytes differ. */
export const tunedModel = (model: Model, weights: Tensors): Model =>
  withWeights(
    model,
    new Map(Object.entries(weights).map(([name, tensor]) => [name, bytesOfTensor(tensor)])),
  );
