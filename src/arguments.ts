import type { LaurelOptions } from "../passes/laurelize.ts";
import type { LossOptions } from "../passes/losses/loss.ts";
import type { OptimizerOptions } from "../passes/optimizers/optimizer.ts";
import { choosing, inserting } from "../passes/options/inserting.ts";
import {
  checkOptions,
  type Declared,
  type Option,
  type Options,
  shown,
} from "../passes/options/option.ts";
import type { ProofOptions } from "../passes/proof/checks.ts";
import type { ResidualOptions } from "../passes/residuals/index.ts";
import type { ResultOptions, WithOrt } from "./laurelize.ts";
import type { Model, OpenOptions } from "./model.ts";
import type { BatchOptions } from "./runtime/batches.ts";
import type { CompareOptions } from "./runtime/compare-models.ts";
import type { SampleOptions } from "./runtime/samples.ts";
import type { ApplyOptions } from "./training/apply-adapter.ts";
import type { FinetuneOptions } from "./training/finetune-options.ts";
import type { GradientOptions } from "./training/gradients.ts";
import type { StepOptions } from "./training/step-graph.ts";

const any: Option = {};
const text: Option = { type: "string" };
const texts: Option = { type: "string", array: true };
const number: Option = { type: "number" };
const flag: Option = { type: "boolean" };
const object: Option = { type: "object" };
const objects: Option = { type: "object", array: true };
const orNull = (option: Option): Option => ({ ...option, nullable: true });

const withOrt: Declared<WithOrt> = { ort: object };

const searching: Declared<ResidualOptions> = {
  earlier: objects,
  within: object,
  featureAxis: any,
  features: object,
  also: texts,
};

const laurel: Declared<LaurelOptions> = { ...inserting, ...choosing, sites: texts, again: flag };

const result: Declared<ResultOptions> = {
  externalData: orNull(text),
  linkWeights: flag,
  copyData: orNull(text),
  hash: flag,
};

const samples: Declared<SampleOptions> = { dims: object, seed: number };

const running = { ...samples, feeds: objects, progress: { type: "function" } } as const;

const comparing: Declared<CompareOptions> = { ...running, atol: number, rtol: number };

const proving: Declared<ProofOptions> = {
  ...running,
  extent: text,
  allSites: flag,
  alsoOrt: object,
};

const lossOptions: Declared<LossOptions> = {
  classAxis: orNull(number),
  ignoreIndex: number,
  shift: orNull(number),
  values: orNull(text),
  temperature: number,
  distil: text,
};

const optimizerOptions: Declared<OptimizerOptions> = {
  betas: { type: "number", array: true },
  eps: number,
  momentum: number,
  weightDecay: number,
  clip: orNull(number),
};

const step: Declared<StepOptions> = {
  ...withOrt,
  loss: text,
  target: object,
  inputs: object,
  output: text,
  train: texts,
  optimizer: text,
  lossOptions: object,
  optimizerOptions: object,
};

const { inputs: _, ...training } = step;
const finetuning: Declared<FinetuneOptions> = {
  ...training,
  target: text,
  teacher: object,
  schedule: text,
  threads: number,
  lr: number,
  warmup: number,
  steps: number,
};

/** The options of every function of the API. */
const OPTIONS = {
  openModel: { trustLinks: flag } satisfies Declared<OpenOptions>,
  findResiduals: { ...withOrt, ...searching, ...choosing },
  laurelize: { ...withOrt, ...searching, ...laurel, ...result },
  verify: { ...withOrt, ...proving, written: text },
  compareModels: { ...withOrt, ...comparing },
  inputsFromNpz: withOrt,
  inputsFromTestData: withOrt,
  differentiate: {
    ...withOrt,
    wrt: texts,
    of: texts,
    dims: object,
  } satisfies Declared<GradientOptions>,
  stepGraph: step,
  finetune: finetuning,
  extractAdapter: { train: texts },
  applyAdapter: {
    ...withOrt,
    weights: text,
    externalData: orNull(text),
    copyData: orNull(text),
  } satisfies Declared<ApplyOptions>,
  adapterFeeds: withOrt,
  openDataset: { targets: any },
  batches: {
    ...withOrt,
    batchSize: number,
    shuffle: number,
    epoch: number,
    dropLast: flag,
  } satisfies Declared<BatchOptions>,
};

/** Options that belong to an option. */
const WITHIN: Readonly<Record<string, Options>> = { lossOptions, optimizerOptions };

/**
 * Checks the options of a function of the API. Throws a TypeError, one sentence, for a key or a
 * type that is wrong, or if onnxruntime is missing.
 */
export function checkGiven(of: keyof typeof OPTIONS, options: unknown): void {
  const declared = OPTIONS[of];
  const needsOrt = "ort" in declared;
  if (options === undefined && needsOrt)
    throw new TypeError(
      `${of} needs an options object with onnxruntime as its last argument: { ort }, after import * as ort from "onnxruntime-node" or "onnxruntime-web".`,
    );
  checkOptions(of, options, declared);
  const { ort, ...rest } = options as { ort?: { InferenceSession?: unknown; Tensor?: unknown } };
  if (needsOrt && (!ort?.InferenceSession || !ort.Tensor))
    throw new TypeError(
      `option ort of ${of} must be onnxruntime: import * as ort from "onnxruntime-node" or "onnxruntime-web".`,
    );
  for (const [name, inner] of Object.entries(WITHIN)) {
    const value = (rest as Record<string, unknown>)[name];
    if (value !== undefined && name in declared) checkOptions(`${of}'s ${name}`, value, inner);
  }
}

/** Throws a TypeError, one sentence, if an argument is no model that `openModel` gave. */
export function checkModel(of: string, model: unknown, which = "model"): asserts model is Model {
  if (typeof model === "object" && model !== null && "source" in model && "toBytes" in model)
    return;
  const got = isLaurelizedResult(model) ? "what laurelize gives; pass its .model" : shown(model);
  throw new TypeError(
    `${of} takes an opened ${which}, await openModel("model.onnx"), and got ${got}.`,
  );
}

const isLaurelizedResult = (value: unknown) =>
  typeof value === "object" && value !== null && "plan" in value && "model" in value;

/** Throws a TypeError, one sentence, if an argument is not what `laurelize` gave. */
export function checkLaurelized(of: string, given: unknown): void {
  if (isLaurelizedResult(given)) return;
  throw new TypeError(
    `${of} takes what laurelize gives, await laurelize(model, { ort }), and got ${typeof given === "object" && given !== null && "source" in given ? "a model" : shown(given)}; compareModels compares any two models.`,
  );
}
