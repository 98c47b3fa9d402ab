import { typeOfTensor } from "../../src/graph/types.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import { furtherWeights } from "../adapter/trainable.ts";
import { type Specialized, specialize } from "../gradient/specialize.ts";
import { lossOf } from "../losses/index.ts";
import type { GradientStart } from "../losses/loss.ts";
import { attachLoss, type Reading } from "./attach-loss.ts";
import { outputForLoss } from "./output-for-loss.ts";
import { joined, port, sizesOf } from "./ports.ts";
import { checkReached } from "./reached.ts";
import type { StepOptions } from "./step-options.ts";
import { type TrainedWeight, trainedWeights } from "./trained-weights.ts";
import { withoutCalls } from "./without-calls.ts";

/** A model with a loss attached to it and its trained weights as inputs. */
export interface ModelWithLoss {
  readonly model: Model;
  readonly weights: readonly TrainedWeight[];
  /** Names of scalar outputs: the loss, the metrics by their names, the number of examples. */
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  readonly examples: string;
  /** Where the gradients begin; null if that is the loss itself. */
  readonly start: GradientStart | null;
  readonly reading: Reading;
  /** The output that the loss is computed on. */
  readonly output: string;
  /** What a user must know of how the loss is computed, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Fixes a model's sizes to those of one batch, attaches a loss and makes the trained weights
 * inputs. Throws an InputError if the target does not fit, or if a weight of `train` cannot change
 * the output.
 */
export async function withLoss(model: Model, options: StepOptions): Promise<ModelWithLoss> {
  const { ort, target } = options;
  const weights = trainedWeights(model, options.train);
  const names = weights.map(({ name }) => name);
  const { types } = await typesOf(model, ort);
  const sizes = sizesOf(model.graph, types, options.inputs);
  const specialized = await specialize(model, ort, { dims: sizes, free: names, least: 0 });
  const chosen = lossOf(options.loss, options.lossOptions);
  const chosenFor = { reads: chosen.reads, target: chosen.loss.distils ? null : target.type };
  const find = ({ model: { graph }, types }: Specialized) =>
    outputForLoss(graph, types, options.output ?? null, chosenFor);
  const last = await withoutCalls(specialized, ort, find, weights);
  const { graph, file } = last.model;
  const { value: output, note } = find(last);
  checkReached(graph, output, furtherWeights(model, options.train));
  const attached = attachLoss({ graph, types: last.types, output }, chosen, target);
  const fed = new Set(file.graph.inputs.map(({ name }) => name));
  const removed = names.map((name) => graph.main.values.get(name)!);
  const inputs = removed
    .filter(({ name }) => !fed.has(name))
    .map((value) => port(value.name, typeOfTensor(value)));
  const { loss, metrics, examples, reading, start = null, patch } = attached;
  return {
    model: await patched(graph, joined(patch, { removed, inputs })),
    weights,
    loss,
    metrics,
    examples,
    start,
    reading,
    output: output.name,
    notes: [...attached.notes, ...(note ? [note] : [])],
  };
}
