import { type Model, patched, strictlyPatched } from "../../src/model.ts";
import { type AttachedTerm, withLoss } from "./model-with-loss.ts";
import { gradientPorts, joined } from "./ports.ts";
import { unneeded } from "./reached.ts";
import type { Sized } from "./sessions-by-size.ts";
import { type DifferentiatedStep, differentiatedStep, typed } from "./step-graph.ts";
import type { StepOptions } from "./step-options.ts";

/** The ports of a graph that gives the gradients of one of several batches. */
export interface GradientPorts {
  readonly step: DifferentiatedStep;
  readonly terms: readonly AttachedTerm[];
  /** Scalar inputs that multiply the gradient of each loss. */
  readonly shares: readonly string[];
}

/** Makes the graph of the gradients of one of several batches. */
export async function gradientModel(
  model: Model,
  options: StepOptions,
): Promise<Sized<GradientPorts>> {
  const step = await differentiatedStep(model, options, true);
  const { graph, reached, back, shares } = step;
  const ports = { inputs: shares, outputs: gradientPorts(reached) };
  const patch = joined(typed(step), back, ports, step.open);
  return {
    model: await strictlyPatched(graph, patch),
    ports: { step, terms: step.ports.terms, shares: shares.map(({ name }) => name) },
  };
}

/** Returns the data type in which the gradients of a weight are added up. */
export const summedAs = (dtype: string) => (dtype === "double" ? "double" : "float");

/** Makes the graph that counts the examples of each loss in a batch, and nothing else. */
export async function countModel(
  model: Model,
  options: StepOptions,
): Promise<Sized<readonly string[]>> {
  const { model: forward, terms } = await withLoss(model, options);
  const { graph } = forward;
  const counts = terms.map(({ examples }) => examples);
  const removed = unneeded(graph, [], counts);
  const names = graph.main.outputs.map(({ name }) => name);
  const untold = names.filter((name) => !counts.includes(name));
  return { model: await patched(graph, { removed, untold }), ports: counts };
}
