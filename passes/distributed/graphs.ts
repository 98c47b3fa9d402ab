import { fileSource } from "#node";
import type { Model } from "../../src/model.ts";
import { externalLocations } from "../../src/onnx/all-tensors.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { openBytes } from "../../src/onnx/open-file.ts";
import { closing } from "../../src/onnx/source.ts";
import { linkedModel } from "../../src/ort/loading.ts";
import type { StepOptions } from "../finetune/step-options.ts";
import type { BatchShapes } from "./batch-shapes.ts";
import type { ExportStepOptions } from "./export-options.ts";
import { stepMemory } from "./step-memory.ts";
import { evalGraph, gradientsGraph, type UpdateGraph, updateGraph } from "./step-parts.ts";

/** A graph for batches of so many rows. */
export interface SizedFile {
  readonly rows: number;
  readonly file: string;
}

/** Where the frozen weights are: files that no graph holds. */
export interface FrozenWeights {
  /** From the step folder. */
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

type Contents = Map<string, Uint8Array>;

/**
 * Makes the graphs of gradients and evaluation, for batches of all rows and of one row, of which a
 * last, smaller batch is made, and the update. Returns them as files, and what the manifest says of
 * them: `frozen` are the files of frozen weights, in `folder`, undefined without any.
 */
export async function graphsOf(model: Model, options: ExportStepOptions, shapes: BatchShapes) {
  const sizes = shapes.fixed || shapes.rows === 1 ? [shapes.rows] : [shapes.rows, 1];
  const files: Contents = new Map();
  const frozen = new Map<string, string | undefined>();
  const write = (kind: string, rows: number, made: Model): SizedFile => {
    const file = rows === shapes.rows ? `${kind}.onnx` : `${kind}-${rows}.onnx`;
    files.set(file, withoutFrozen(made, frozen));
    return { rows, file };
  };
  const graphs = [];
  for (const rows of sizes) {
    const sized: StepOptions = { ...options, ...shapes.stepOf(rows) };
    const backward = await gradientsGraph(model, sized);
    const gradients = write("gradients", rows, backward.model);
    const forward = await evalGraph(model, sized);
    graphs.push({ backward, forward, gradients, eval: write("eval", rows, forward.model) });
  }
  const [{ backward, forward }] = graphs;
  const { step, layout, vector } = backward;
  const update = await updateGraph(step, layout);
  files.set("update.onnx", update.model.toBytes());
  const memory = await stepMemory({
    gradients: backward.model,
    ort: options.ort,
    state: state(update),
    vector: layout.length,
  });
  return {
    ...{ files, step, update, memory },
    gradients: graphs.map(({ gradients }) => gradients),
    eval: graphs.map((graph) => graph.eval),
    vector: { name: vector, ...layout },
    evaluation: { name: forward.vector, ...forward.layout },
    frozen: [...frozen].map(([name, folder]) => ({ name, bytes: sizeOf(`${folder}/${name}`) })),
    folder: frozen.values().next().value,
  };
}

/** The graphs of a step, and what the manifest says of them. */
export type StepGraphs = Awaited<ReturnType<typeof graphsOf>>;

/** Numbers of trained weights that change, and of their state. */
const state = ({ slots }: UpdateGraph) =>
  slots.reduce((sum, { dims, state }) => sum + elements(dims) * (1 + state.length), 0);

/** Returns a graph's bytes without its frozen weights; `frozen` gets their files' folders, by name. */
function withoutFrozen({ file }: Model, frozen: Map<string, string | undefined>): Uint8Array {
  const { bytes, folder } = linkedModel(file);
  for (const name of externalLocations(openBytes(bytes, file.source.name)))
    frozen.set(name, folder);
  return bytes;
}

const sizeOf = (path: string): number => closing(fileSource(path), ({ size }) => size);
