import type { Given } from "../../passes/filled.ts";
import { lossNamed } from "../../passes/losses/index.ts";
import { type LossOptions, lossOptionsOf } from "../../passes/losses/loss.ts";
import { judgedOutput } from "../../passes/training/judged.ts";
import { type Model, typesOf } from "../model.ts";
import { bytesOfTensor } from "../runtime/floats.ts";
import type { Ort, Tensors } from "../runtime/session.ts";
import { withWeights } from "./weights.ts";

/** The model with the weights of a training: only their bytes differ. */
export const tunedModel = (model: Model, weights: Tensors): Model =>
  withWeights(
    model,
    new Map(Object.entries(weights).map(([name, tensor]) => [name, bytesOfTensor(tensor)])),
  );

/** How many classes the judged output has; null where the loss knows none, or the size is free. */
export async function classesOf(
  model: Model,
  {
    ort,
    loss,
    output,
    lossOptions,
  }: {
    readonly ort: Ort;
    readonly loss: string;
    readonly output?: string | undefined;
    readonly lossOptions?: Given<LossOptions> | undefined;
  },
): Promise<number | null> {
  const { types } = await typesOf(model, ort);
  const shape = types.get(judgedOutput(model.graph, types, output ?? null))?.shape;
  if (!shape) return null;
  const axis = lossNamed(loss).classAxis(shape, lossOptionsOf(lossOptions));
  const size = axis === null ? null : shape[axis];
  return typeof size === "number" ? size : null;
}
