import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { VERSION } from "../../src/version.ts";
import { type Adapter, adapterMetadata, EXAMPLES } from "../adapter/adapter.ts";
import type { Settings } from "../finetune/settings.ts";
import type { Reading } from "../finetune/target-reading.ts";
import type { TrainedWeight } from "../finetune/trained-weights.ts";
import type { StateSlot } from "../finetune/update.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { type BatchShapes, type FedArray, typeOfRows } from "./batch-shapes.ts";
import type { ExportValues } from "./export-options.ts";
import type { FrozenWeights, SizedFile, StepGraphs } from "./graphs.ts";
import type { StepMemory } from "./step-memory.ts";
import type { UpdateGraph, VectorLayout } from "./step-parts.ts";

/** The name of the interface, and its version, which grows when readers must change. */
export const MANIFEST = { format: "laurelize-step", version: 1 } as const;

/** The file that a step folder is known by. */
export const MANIFEST_FILE = "manifest.json";

/** The start values of weights and state. */
export const STATE_FILE = "state.safetensors";

/** An input of a graph, and the array of the data that is fed to it. */
interface StepInput {
  readonly name: string;
  readonly array: string;
  /** As numpy spells it. */
  readonly dtype: string;
  /** In one batch. */
  readonly shape: readonly number[];
  /** The axis of the examples; null for one value for all of them. */
  readonly axis: number | null;
}

/** A tensor that goes from step to step: a trained weight, or state of the optimizer. */
export interface StateTensor {
  /** Its name in state.safetensors and in checkpoints. */
  readonly key: string;
  /** The input of update.onnx, and for weights of the other graphs. */
  readonly input: string;
  /** The output of update.onnx that replaces it; null if it never changes. */
  readonly output: string | null;
  readonly role: "weight" | "state";
  /** The weight that state begins as, more exactly kept; without it, state begins as zeros. */
  readonly copies?: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What a step folder is: documented in bin/distributed/README.md. */
export interface StepManifest {
  readonly format: typeof MANIFEST.format;
  readonly version: number;
  readonly laurelize: string;
  readonly batch: { readonly rows: number; readonly fixed: boolean; readonly accumulate: number };
  readonly inputs: readonly StepInput[];
  readonly target: StepInput & {
    readonly form: Reading["form"];
    readonly classes: number | null;
    readonly ignore: number | null;
    /** Whether a NaN is a value that does not count. */
    readonly missing: boolean;
  };
  /** Further arrays that the loss reads. */
  readonly arrays: readonly StepInput[];
  readonly gradients: readonly SizedFile[];
  readonly eval: readonly SizedFile[];
  readonly update: { readonly file: string } & Pick<
    UpdateGraph,
    "vector" | "lr" | "step" | "momentum" | "norm"
  >;
  readonly vector: VectorLayout & { readonly name: string; readonly bytes: number };
  readonly evaluation: Omit<VectorLayout, "gradients"> & { readonly name: string };
  readonly perplexity: boolean;
  readonly state: { readonly file: string; readonly tensors: readonly StateTensor[] };
  readonly weights: FrozenWeights;
  readonly memory: StepMemory;
  readonly schedule: Schedule;
  readonly training: Pick<ExportValues, "epochs" | "patience" | "seed">;
  readonly adapter: {
    readonly metadata: Readonly<Record<string, string>>;
    readonly weights: readonly string[];
    /** The key under which the metadata says how many examples it was trained on. */
    readonly examples: string;
  };
  readonly log: {
    readonly model: string;
    readonly variant: string;
    readonly computed: object;
    readonly settings: Settings["firm"];
  };
  /** SHA-256 of each file of the folder, except this one and the model's. */
  readonly hashes: Readonly<Record<string, string>>;
}

const numpyType = (dtype: string) => dataTypeNamed(dtype)?.ort ?? dtype;

/** Lists what goes from step to step: all trained weights, and the state of those that have a gradient. */
export function stateTensors(
  weights: readonly TrainedWeight[],
  slots: readonly StateSlot[],
): StateTensor[] {
  const slotOf = new Map(slots.map((slot) => [slot.weight, slot]));
  return weights.flatMap(({ name, dtype, dims }) => {
    const slot = slotOf.get(name);
    const state = (slot?.state ?? []).map(
      (each): StateTensor => ({
        key: `state/${each.input}`,
        input: each.input,
        output: each.output,
        role: "state",
        ...(each.copies ? { copies: name } : {}),
        dtype: numpyType(each.dtype),
        shape: dims,
      }),
    );
    const own: StateTensor = {
      key: `weights/${name}`,
      input: name,
      output: slot?.newWeight ?? null,
      role: "weight",
      dtype: numpyType(dtype),
      shape: dims,
    };
    return [own, ...state];
  });
}

interface ManifestOf extends Pick<StepManifest, "schedule" | "log" | "hashes"> {
  readonly graphs: StepGraphs;
  readonly values: ExportValues;
  readonly shapes: BatchShapes;
  /** The label that does not count. */
  readonly ignoreIndex: number | null;
  readonly state: readonly StateTensor[];
  readonly adapter: Adapter;
  /** The folder of the frozen weights. */
  readonly folder: string;
}

/** Writes down how the graphs are run. */
export function stepManifest(of: ManifestOf): StepManifest {
  const { graphs, values, shapes, adapter } = of;
  const { reading } = graphs.step.ports;
  const { gradients: _, ...evaluation } = graphs.evaluation;
  const { vector, lr, step, momentum, norm } = graphs.update;
  const input = (fed: FedArray): StepInput => {
    const { name, array, axis = 0 } = fed;
    const { dtype, shape } = typeOfRows(fed, shapes.rows);
    return { name, array, dtype: numpyType(dtype), shape, axis };
  };
  return {
    ...MANIFEST,
    laurelize: VERSION,
    batch: { rows: shapes.rows, fixed: shapes.fixed, accumulate: values.accumulate },
    inputs: shapes.inputs.map(input),
    target: {
      ...input(shapes.target),
      form: reading.form,
      classes: reading.classes,
      ignore: reading.form === "labels" ? of.ignoreIndex : null,
      missing: shapes.target.missing,
    },
    arrays: Object.values(shapes.arrays).map(input),
    gradients: graphs.gradients,
    eval: graphs.eval,
    update: { file: "update.onnx", vector, lr, step, momentum, norm },
    vector: { ...graphs.vector, bytes: 4 * graphs.vector.length },
    evaluation,
    perplexity: reading.isNextToken,
    state: { file: STATE_FILE, tensors: of.state },
    weights: { folder: of.folder, files: graphs.frozen },
    memory: graphs.memory,
    schedule: of.schedule,
    training: { epochs: values.epochs, patience: values.patience, seed: values.seed },
    adapter: {
      metadata: Object.fromEntries(adapterMetadata(adapter)),
      weights: adapter.tensors.map(({ name }) => name),
      examples: EXAMPLES,
    },
    log: of.log,
    hashes: of.hashes,
  };
}
