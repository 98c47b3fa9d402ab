import { sha256 } from "#node";
import { pendingFolder } from "#node-data";
import { checkGiven, checkModel, checkPath } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { linkable } from "../../src/graph/linkable.ts";
import { checkLinkable, copyNames } from "../../src/graph/placing.ts";
import { replaceWeights } from "../../src/graph/replace-weights.ts";
import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { type Model, modelOf, openModel, saveBytes, saveModel } from "../../src/model.ts";
import { dataTypeNamed, elements } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { bytesSource } from "../../src/onnx/source.ts";
import { type Adapter, adapterOf } from "../adapter/adapter.ts";
import { weightOf } from "../adapter/weights.ts";
import { settingsOf } from "../finetune/settings.ts";
import type { DifferentiatedStep } from "../finetune/step-graph.ts";
import { withinStep } from "../finetune/step-options.ts";
import { trainedTerms } from "../finetune/terms.ts";
import { type TrainedWeight, trainedWeights } from "../finetune/trained-weights.ts";
import { lossOf } from "../losses/index.ts";
import { scheduleOf } from "../schedules/schedule.ts";
import { type BatchShapes, batchShapes } from "./batch-shapes.ts";
import {
  type ExportStepOptions,
  type ExportValues,
  exportStepOptions,
  exportValues,
} from "./export-options.ts";
import { graphsOf } from "./graphs.ts";
import {
  MANIFEST_FILE,
  STATE_FILE,
  type StateTensor,
  type StepManifest,
  stateTensors,
  stepManifest,
} from "./manifest.ts";

/** A step that was written into a folder. */
export interface ExportedStep {
  readonly folder: string;
  readonly manifest: StepManifest;
  /** Sizes of the files in bytes, by name; without the model's own. */
  readonly sizes: Readonly<Record<string, number>>;
  /** What a user must know of how the loss is computed, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Writes a laurelized model's training step into a folder, for ranks that train it together. It
 * holds graphs of gradients, update and evaluation, start values, and a manifest of how they are
 * run. The folder appears whole or not at all. With `linkWeights` the frozen weights stay in the
 * model's files; otherwise the model is copied into the folder. Throws an InputError if the options
 * do not fit the model, or if the folder exists.
 */
export async function exportStep(
  model: Model,
  folder: string,
  options: ExportStepOptions,
): Promise<ExportedStep> {
  checkModel("exportStep", model);
  checkPath("exportStep", folder);
  checkGiven("exportStep", options, exportStepOptions, withinStep);
  const values = exportValues(options);
  const { linkWeights, force, batchSize } = values;
  checkTarget(options);
  if (linkWeights) checkLinked(model);
  const weights = trainedWeights(model, options.train);
  checkTypes(weights);
  const shapes = await batchShapes(model, options, batchSize);
  const pending = pendingFolder(folder, { mark: MANIFEST_FILE, replaces: force });
  try {
    options.onTemporary?.(pending.path);
    const base = linkWeights ? model : await openModel(await copyInto(model, pending.path));
    try {
      const placeOf = (home?: string) => (linkWeights && home ? pending.pathTo(home) : ".");
      const of = { options, values, weights, shapes, placeOf, name: model.source.name };
      const { files, manifest, notes } = await filesOf(base, of);
      for (const [name, bytes] of files) saveBytes(bytes, `${pending.path}/${name}`);
      pending.keep();
      const sizes = Object.fromEntries([...files].map(([name, { length }]) => [name, length]));
      return { folder, manifest, sizes, notes };
    } finally {
      if (base !== model) base.close();
    }
  } catch (error) {
    pending.discard();
    throw pending.named(error);
  }
}

/** Throws an InputError unless the loss reads a target of the data. */
function checkTarget(options: ExportStepOptions): void {
  const [{ chosen, target }] = trainedTerms(options);
  if (chosen.loss.distils)
    throw new InputError(
      "a step cannot have a teacher; save the original's outputs as an array of the data, and use that as the target of another loss.",
    );
  if (target === null)
    throw new InputError(
      options.target === undefined
        ? "a step needs a target: the name of an array of the data (--target)."
        : `a step needs a target, and loss ${chosen.loss.name} reads none; train it with finetune.`,
    );
}

/** Throws an InputError if the weights of a model, laurelized or not, are in no file of their own. */
function checkLinked({ file, folder, source }: Model): void {
  const [first] = linkable(file);
  if (first) checkLinkable(first[1].source, folder);
  else if (!folder) checkLinkable(source, folder);
}

function checkTypes(weights: readonly TrainedWeight[]): void {
  const other = weights.find(({ dtype }) => dtype === "bfloat16");
  if (other)
    throw new InputError(
      `weight ${other.name} is bfloat16, which numpy does not have; convert the model to float32 or float16.`,
    );
}

const COPY = "model.onnx";

/** Copies a model and its data files into a folder; returns its path. */
async function copyInto(model: Model, folder: string): Promise<string> {
  const copies = copyNames(model.dataFiles, COPY);
  const placing = copies.size > 0 ? { copies } : {};
  const path = `${folder}/${COPY}`;
  await saveModel(modelOf(replaceWeights(model.graph, new Map(), placing)), path);
  return path;
}

interface FilesOf {
  readonly options: ExportStepOptions;
  readonly values: ExportValues;
  readonly weights: readonly TrainedWeight[];
  readonly shapes: BatchShapes;
  /** Returns the place of the folder of frozen weights, seen from that of the step. */
  readonly placeOf: (home?: string) => string;
  /** The name of the model that the log mentions. */
  readonly name: string;
}

async function filesOf(base: Model, of: FilesOf) {
  const { options, values, weights, shapes } = of;
  const graphs = await graphsOf(base, options, shapes);
  const state = stateTensors(weights, graphs.update.slots);
  const start = writeSafetensors(
    startValues(state, (weight) => weightOf(base, weight)),
    new Map([["step", "0"]]),
  );
  const files = new Map([...graphs.files, [STATE_FILE, start]]);
  const hashes: Record<string, string> = {};
  for (const [file, bytes] of files) hashes[file] = await sha256(bytesSource(bytes, file));
  const schedule = scheduleFor(options);
  const adapter = adapterOf(base, options.train);
  const { ignoreIndex } = lossOf(options.loss, options.lossOptions).options;
  const log = await logHead(base, of, graphs.step, adapter);
  const manifest = stepManifest({
    ...{ graphs, values, shapes, ignoreIndex, state, schedule, hashes, adapter, log },
    folder: of.placeOf(graphs.folder),
  });
  files.set(MANIFEST_FILE, text(manifest));
  return { files, manifest, notes: graphs.step.plan.notes };
}

/** JSON with lists of numbers on one line. */
function text(document: object): Uint8Array {
  const json = JSON.stringify(document, null, 2).replace(/\[[\s\d.,e-]+\]/g, (list) =>
    list.replace(/\s+/g, "").replaceAll(",", ", "),
  );
  return new TextEncoder().encode(`${json}\n`);
}

/** The schedule; one that ends, without a number of steps, takes all steps of the training. */
function scheduleFor({ scheduleSteps, ...options }: ExportStepOptions) {
  const given = scheduleOf({ ...options, scheduleSteps: scheduleSteps ?? 1 });
  return { ...given, steps: given.steps === null ? null : (scheduleSteps ?? null) };
}

/** Returns what weights and state begin with: the model's weights, copies of them, or zeros. */
function startValues(
  state: readonly StateTensor[],
  weightOf: (name: string) => DenseTensor,
): DenseTensor[] {
  return state.map(({ key, dtype, shape, role, input, copies }) => {
    const { name: type, bits } = dataTypeNamed(dtype)!;
    const copied = (name: string) => {
      const from = weightOf(name);
      return encodeNumbers(type, decodeNumbers(from.dtype, from.data));
    };
    const start = () => (copies ? copied(copies) : new Uint8Array((elements(shape) * bits) / 8));
    const data = role === "weight" ? weightOf(input).data : start();
    return { name: key, dtype: type, dims: shape, data };
  });
}

/** Begins the log of a training, with the fields that finetune's has. */
async function logHead(
  model: Model,
  { options, values, shapes, name }: FilesOf,
  { plan, ports }: DifferentiatedStep,
  adapter: Adapter,
): Promise<StepManifest["log"]> {
  const { firm, free } = await settingsOf(model, {
    options,
    data: null,
    eval: null,
    batchSize: shapes.rows,
    seed: values.seed,
    schedule: scheduleFor(options),
  });
  const { axis, shift } = ports.reading;
  return {
    model: name,
    variant: adapter.laurelizations.map(({ variant }) => variant).join(", "),
    computed: { output: plan.output, classAxis: axis, shift, notes: plan.notes },
    settings: { ...firm, ...free },
  };
}
