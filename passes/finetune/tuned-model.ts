import { checkArgument, checkModel } from "../../src/arguments.ts";
import { typeOfTensor } from "../../src/graph/constants.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import type { Model } from "../../src/model.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor, toFloat64 } from "../../src/ort/tensors.ts";
import { withWeights } from "../adapter/weights.ts";

/** Returns the model with the weights of a training, rounded to its data types: only their bytes differ. */
export function tunedModel(model: Model, weights: Tensors): Model {
  checkModel("tunedModel", model);
  const fits =
    typeof weights === "object" &&
    weights !== null &&
    Object.values(weights).every((tensor) => ArrayBuffer.isView(tensor?.data));
  checkArgument("tunedModel", weights, fits, "a trainer's weights, tensors by name");
  const { values } = model.graph.main;
  const bytes = Object.entries(weights).map(([name, tensor]): [string, Uint8Array] => {
    const weight = values.get(name);
    const dtype = weight && typeOfTensor(weight)?.dtype;
    const rounds = dtype === "bfloat16" && tensor.type === "float32";
    return [name, rounds ? encodeNumbers(dtype, toFloat64(tensor)) : bytesOfTensor(tensor)];
  });
  return withWeights(model, new Map(bytes));
}
