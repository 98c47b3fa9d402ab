import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Model, strictlyPatched, typesOf } from "../../src/model.ts";
import { elements, type Type } from "../../src/onnx/dtypes.ts";
import type { Weight } from "../finetune/gradient-row.ts";
import { type Scalars, withLoss } from "../finetune/model-with-loss.ts";
import { joined, port } from "../finetune/ports.ts";
import { type DifferentiatedStep, differentiatedStep } from "../finetune/step-graph.ts";
import type { StepOptions } from "../finetune/step-options.ts";
import type { TrainedWeight } from "../finetune/trained-weights.ts";
import { draftUpdate, type UpdatePorts, updateModel } from "../finetune/update.ts";

/**
 * Where things lie in the one float32 vector that ranks add up: each gradient, the loss and the
 * metrics, all multiplied by the number of examples, and that number.
 */
export interface VectorLayout {
  readonly length: number;
  /** Where each weight's gradient lies. */
  readonly gradients: readonly {
    readonly weight: string;
    readonly offset: number;
    readonly length: number;
    readonly shape: readonly number[];
  }[];
  readonly loss: number;
  readonly count: number;
  /** Offsets by the metric's name. */
  readonly metrics: Readonly<Record<string, number>>;
}

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

/** Lays out gradients one after the other, then loss, count and metrics. */
function vectorLayout(weights: readonly TrainedWeight[], metrics: readonly string[]): VectorLayout {
  let end = 0;
  const gradients = weights.map(({ name, dims }) => {
    const length = elements(dims);
    end += length;
    return { weight: name, offset: end - length, length, shape: dims };
  });
  return {
    length: end + 2 + metrics.length,
    gradients,
    loss: end,
    count: end + 1,
    metrics: Object.fromEntries(metrics.map((name, k) => [name, end + 2 + k])),
  };
}

/** What the vector is written from: gradients (none in an evaluation) and scalars, with their types. */
interface VectorOf {
  readonly reached: readonly Weight[];
  readonly ports: Scalars;
  readonly typeOf: (scalar: string) => Type | null | undefined;
}

/** Writes the vector of one batch under a fresh name, which is returned. */
function writeVector(written: Builder, { reached, ports, typeOf }: VectorOf): string {
  const { op, to, fresh } = written;
  const float = (name: string, dtype = "float") => to.cast(name, "float", dtype);
  const scalar = (name: string) => to.reshape(float(name, typeOf(name)?.dtype), [1]);
  const count = scalar(ports.examples);
  const gradients = reached.map(({ of, gradient }) => {
    const length = elements(of.dims);
    return to.reshape(float(gradient, of.dtype), [length]);
  });
  const weighted = [...gradients, scalar(ports.loss)];
  const metrics = Object.values(ports.metrics).map(scalar);
  const times = (parts: readonly string[]) =>
    op.Mul(parts.length === 1 ? parts[0] : op.Concat(parts, { axis: 0 }), count);
  const parts = [times(weighted), count, ...(metrics.length > 0 ? [times(metrics)] : [])];
  const name = fresh("vector");
  written.copy(op.Concat(parts, { axis: 0 }), name);
  return name;
}

/** Reads the mean gradient of each weight out of a sum of vectors, as float32. */
function readGradients(
  { op, to, constant }: Builder,
  vector: string,
  { gradients, count }: VectorLayout,
): string[] {
  const sizes = gradients.map((part) => part.length);
  const own = sizes.reduce((a, b) => a + b, 0);
  const counted = to.slice(vector, [count], [count + 1], [0]);
  const none = to.cast(op.Equal(counted, constant("float", [1], [0])), "float");
  const means = op.Div(to.slice(vector, [0], [own], [0]), op.Add(counted, none));
  const parts = sizes.length === 1 ? [means] : to.split(means, sizes, 0);
  return parts.map((part, k) => to.reshape(part, gradients[k].shape));
}
