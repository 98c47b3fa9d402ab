import { checkArgument, checkModel } from "../../src/arguments.ts";
import type { Model } from "../../src/model.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor } from "../../src/ort/tensors.ts";
import { withWeights } from "../adapter/weights.ts";

/** Returns the model with the weights of a training: only their bytes differ. */
export function tunedModel(model: Model, weights: Tensors): Model {
  checkModel("tunedModel", model);
  const fits =
    typeof weights === "object" &&
    weights !== null &&
    Object.values(weights).every((tensor) => ArrayBuffer.isView(tensor?.data));
  checkArgument("tunedModel", weights, fits, "a trainer's weights, tensors by name");
  return withWeights(
    model,
    new Map(Object.entries(weights).map(([name, tensor]) => [name, bytesOfTensor(tensor)])),
  );
}
