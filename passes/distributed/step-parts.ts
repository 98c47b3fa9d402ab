import { newBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Model, strictlyPatched, typesOf } from "../../src/model.ts";
import { withLoss } from "../finetune/model-with-loss.ts";
import { joined, port } from "../finetune/ports.ts";
import { type DifferentiatedStep, differentiatedStep } from "../finetune/step-graph.ts";
import type { StepOptions } from "../finetune/step-options.ts";
import { draftUpdate, type UpdatePorts, updateModel } from "../finetune/update.ts";
import {
  readGradients,
  type VectorLayout,
  type VectorOf,
  vectorLayout,
  writeVector,
} from "./flat-vector.ts";

interface VectorGraph {
  readonly model: Model;
  /** Its only output. */
  readonly vector: string;
  readonly layout: VectorLayout;
}

/** A graph that updates weights and state from the sum of all vectors. */
export interface UpdateGraph extends UpdatePorts {
  readonly model: Model;
  /** The input that takes the sum. */
  readonly vector: string;
}

/** Writes forward, loss and backward of a batch, whose only output is the vector. */
export async function gradientsGraph(
  model: Model,
  options: StepOptions,
): Promise<VectorGraph & { readonly step: DifferentiatedStep }> {
  const step = await differentiatedStep(model, options);
  const { graph, reached, back, scalars, ports } = step;
  const types = new Map(scalars.map(({ name, type }) => [name, type]));
  const typeOf = (name: string) => types.get(name);
  return { ...(await vectorGraph(graph, { reached, ports, typeOf }, back)), step };
}

/** Writes forward and loss of a batch; the vector has no gradients. */
export async function evalGraph(model: Model, options: StepOptions): Promise<VectorGraph> {
  const forward = await withLoss(model, options);
  const { graph } = forward.model;
  const { types } = await typesOf(forward.model, options.ort);
  const typeOf = (name: string) => types.get(graph.main.values.get(name)!);
  return vectorGraph(graph, { reached: [], ports: forward, typeOf });
}

/** Writes the vector of a graph in place of its other outputs. */
async function vectorGraph(graph: Graph, of: VectorOf, back: Patch = {}): Promise<VectorGraph> {
  const written = newBuilder(graph, "vector");
  const vector = writeVector(written, of);
  const weights = of.reached.map((weight) => weight.of);
  const layout = vectorLayout(weights, Object.keys(of.ports.metrics));
  const outputs = [port(vector, { dtype: "float", shape: [layout.length] })];
  const untold = graph.main.outputs.map(({ name }) => name);
  const patch = joined(back, written, { untold, outputs });
  return { model: await strictlyPatched(graph, patch), vector, layout };
}

/** Writes the update as a model of its own: takes the sum of vectors, weights, state, rate and step. */
export async function updateGraph(
  { graph, reached, optimizer }: DifferentiatedStep,
  layout: VectorLayout,
): Promise<UpdateGraph> {
  const draft = draftUpdate(graph);
  const { written } = draft;
  const names = reached.map(({ of }) => written.fresh(of.name));
  const vector = written.fresh("vector");
  const means = readGradients(written, vector, layout);
  const weights = reached.map(({ of }, k) => ({ of, gradient: means[k], dtype: "float" }));
  const given = reached.map(({ of }, k) => port(names[k], { dtype: of.dtype, shape: of.dims }));
  const first = port(vector, { dtype: "float", shape: [layout.length] });
  return { ...(await updateModel(draft, weights, optimizer, [first, ...given])), vector };
}
