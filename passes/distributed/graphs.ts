import { fileSource } from "#node";
import type { Model } from "../../src/model.ts";
import { externalLocations } from "../../src/onnx/all-tensors.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { openFile } from "../../src/onnx/open-file.ts";
import { bytesSource } from "../../src/onnx/source.ts";
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
  const frozen = new Frozen();
  const named = (kind: string, rows: number) =>
    rows === shapes.rows ? `${kind}.onnx` : `${kind}-${rows}.onnx`;
  const write = (kind: string, rows: number, made: Model): SizedFile => {
    const file = named(kind, rows);
    files.set(file, frozen.without(made));
    return { rows, file };
  };
  const [gradients, evals]: SizedFile[][] = [[], []];
  let first: Awaited<ReturnType<typeof gradientsGraph>> | null = null;
  let held: Awaited<ReturnType<typeof evalGraph>> | null = null;
  for (const rows of sizes) {
    const sized: StepOptions = { ...options, ...shapes.stepOf(rows) };
    const backward = await gradientsGraph(model, sized);
    gradients.push(write("gradients", rows, backward.model));
    const forward = await evalGraph(model, sized);
    evals.push(write("eval", rows, forward.model));
    first ??= backward;
    held ??= forward;
  }
  const update = await updateGraph(first!.step, first!.layout);
  files.set("update.onnx", update.model.toBytes());
  const memory = await stepMemory({
    gradients: first!.model,
    ort: options.ort,
    state: state(update),
    vector: first!.layout.length,
  });
  return {
    ...{ files, gradients, update, memory },
    eval: evals,
    step: first!.step,
    vector: { name: first!.vector, ...first!.layout },
    evaluation: { name: held!.vector, ...held!.layout },
    frozen: frozen.files,
    folder: frozen.folder,
  };
}

/** The graphs of a step, and what the manifest says of them. */
export type StepGraphs = Awaited<ReturnType<typeof graphsOf>>;

/** Numbers of trained weights that change, and of their state. */
const state = ({ slots }: UpdateGraph) =>
  slots.reduce((sum, { dims, state }) => sum + elements(dims) * (1 + state.length), 0);

/** The files that frozen weights are in, as several graphs name them. */
class Frozen {
  readonly #sizes = new Map<string, number>();
  folder: string | undefined;

  get files(): FrozenWeights["files"] {
    return [...this.#sizes].map(([name, bytes]) => ({ name, bytes }));
  }

  /** Returns a graph's bytes without its frozen weights. */
  without({ file }: Model): Uint8Array {
    const { bytes, folder } = linkedModel(file);
    const locations = externalLocations(openFile(bytesSource(bytes, file.source.name), null));
    for (const name of locations) {
      if (this.#sizes.has(name)) continue;
      this.folder = folder;
      const data = fileSource(`${folder}/${name}`);
      this.#sizes.set(name, data.size);
      data.close?.();
    }
    return bytes;
  }
}
