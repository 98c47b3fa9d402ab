import type { Model } from "../../src/model.ts";
import type { TensorHeader } from "../../src/onnx/new-node.ts";
import { trainableWeights } from "../adapter/trainable.ts";
import { mainWeightOf } from "../adapter/weights.ts";
import { laurelizations } from "../laurelize/manifest.ts";
import { isMap } from "../variants/low-rank.ts";

/** A weight that is trained: float, double, float16 or bfloat16. */
export interface TrainedWeight extends TensorHeader {
  /** Whether weight decay applies: to maps and further weights, not to α, β, γ or what they come from. */
  readonly decays: boolean;
}

/**
 * Returns the weights of a model that training changes: LAuReL's own, those of a new last layer, and
 * the float weights that a glob of `train` names. Throws an InputError if there are none, or if a
 * glob matches no weight.
 */
export function trainedWeights(model: Model, train: readonly string[] = []): TrainedWeight[] {
  const scalars = new Set(
    laurelizations(model.metadata).flatMap((laurel) =>
      (laurel?.sites ?? []).flatMap(({ parameters }) =>
        Object.entries(parameters).flatMap(([role, name]) => (isMap(role) ? [] : [name])),
      ),
    ),
  );
  return trainableWeights(model, train).map((name) => {
    const { dtype, dims } = mainWeightOf(model, name);
    return { name, dtype, dims, decays: !scalars.has(name) };
  });
}
