import { checkFrom, checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { pickOptions } from "../../src/options.ts";
import { type Adapter, adapterOf } from "../adapter/adapter.ts";
import { trainableWeights } from "../adapter/trainable.ts";
import { tunable } from "../adapter/trained.ts";
import { checkHead, newHead } from "../head/new-head.ts";
import { isLaurelized } from "../laurelize/laurelize.ts";
import { strip } from "../laurelize/strip.ts";
import { scheduleOf } from "../schedules/schedule.ts";
import { gotWorse } from "./advice.ts";
import { withBalancedWeights } from "./balanced-weights.ts";
import { LOSS, metricOfBest } from "./best-figure.ts";
import { checkTarget, targetNotes } from "./check-target.ts";
import { bytesOfRun, resumeRun } from "./checkpoint.ts";
import { DivergedError, withoutLoss } from "./diverged.ts";
import { type Loop, runEpochs } from "./epochs.ts";
import { type FinetuneOptions, finetuneOptions, type LossPlan } from "./finetune-options.ts";
import { type FitSources, openSources, withTarget } from "./fit-data.ts";
import {
  effectNotes,
  type FitOptions,
  type FitValues,
  fitOptions,
  fitValues,
  hyperparameters,
} from "./fit-options.ts";
import { floatCopy } from "./float-copy.ts";
import { type Best, type History, newRun, type Run, type Stopped } from "./history.ts";
import { reading } from "./reading-options.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { trainedTerms } from "./terms.ts";
import { Trainer } from "./trainer.ts";
import { tunedModel } from "./tuned-model.ts";

/** A trained model and how it came about. */
export interface FitResult {
  /** The model with the best weights. */
  readonly model: Model;
  /** The best weights, as an adapter. */
  readonly adapter: Adapter;
  readonly history: History;
  readonly best: Best;
  /** The state to continue the training from, with option `resume`. */
  readonly checkpoint: Uint8Array;
  readonly stopped: Stopped;
  /** What went wrong, a sentence; null if nothing did. */
  readonly error: string | null;
  /** What to try if the training got worse, a sentence; null if it did not. */
  readonly advice: string | null;
  /** How the loss is computed, and how the data is read. */
  readonly plan: LossPlan;
  /** All settings of the training, as the log lists them. */
  readonly settings: Settings;
  /** Names of the classes, in the order of their labels, by target; none if the data has no names. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

/**
 * Trains a model's LAuReL weights, a new last layer (`newHead`) and further weights that `train`
 * names. Returns the weights of the best epoch: by the evaluation loss, or without `eval` by the
 * training loss. A resumed training gives the same bytes as an uninterrupted one. If `signal` is
 * aborted or the loss is no longer finite, the training stops and returns the best weights so far.
 * Throws an InputError if data, target or options do not fit, and a DivergedError if no epoch ends
 * with a finite loss. Throws the signal's reason if it was aborted before the call.
 */
export async function fit(original: Model, asked: FitOptions): Promise<FitResult> {
  checkModel("fit", original);
  checkGiven("fit", asked, fitOptions, hyperparameters);
  if (asked.teacher !== undefined) checkModel("fit", asked.teacher, "teacher");
  if (asked.resume !== undefined) checkFrom("resume of fit", asked.resume);
  const options = withTarget(asked);
  options.signal?.throwIfAborted();
  options.onProgress?.(0, "reading the data");
  const values = fitValues(options);
  const model = await modelToTrain(original, options, values.seed);
  const floats = floatCopy(model);
  if (floats !== model) options.onNote?.(IN_FLOAT);
  const sources = await openSources(floats, options, values);
  try {
    const notes = new Set([...effectNotes(asked), ...sources.notes]);
    for (const note of notes) options.onNote?.(note);
    const given = await prepared(model, options, { values, sources });
    const trained = await withBalancedWeights(floats, given, sources.train);
    const trainer = new Trainer(floats, trained);
    try {
      return await fitted(trainer, { model, options, trained, values, sources });
    } finally {
      await trainer.close();
    }
  } finally {
    sources.close();
  }
}

const IN_FLOAT =
  "onnxruntime has no kernels for bfloat16: the model is trained in float, and the tuned weights are rounded to bfloat16 at the end.";

/** The model with the requested new last layer, and a place to record what is trained. */
async function modelToTrain(model: Model, options: FitOptions, seed: number): Promise<Model> {
  const { ort, newHead: layer, classes } = options;
  checkHead(layer, classes);
  if (layer !== undefined) return newHead(model, { ort, layer, classes: classes!, seed });
  trainableWeights(model, options.train);
  return tunable(model);
}

/** The options of the trainer: the steps of the schedule are all steps, the teacher is the original. */
async function prepared(
  model: Model,
  options: FitOptions,
  { values, sources }: { readonly values: FitValues; readonly sources: FitSources },
): Promise<FinetuneOptions> {
  const { steps } = sources.train;
  const { teacher, scheduleSteps } = options;
  const distils = trainedTerms(options).some(({ chosen }) => chosen.loss.distils);
  const isWanted = distils && teacher === undefined;
  return {
    ...(pickOptions(options, finetuneOptions) as FinetuneOptions),
    metrics: metricsOf(options),
    scheduleSteps: scheduleSteps ?? (steps === null ? null : steps * values.epochs),
    teacher: isWanted && isLaurelized(model) ? (await strip(model)).model : teacher,
  };
}

/** The metrics of evaluations, with the one that chooses. Throws an InputError without evaluations. */
function metricsOf({ metrics, best = LOSS.name, eval: held }: FitOptions) {
  if (held === undefined && (best !== LOSS.name || metrics !== undefined))
    throw new InputError(
      `${best === LOSS.name ? "metrics are those" : `--best ${best} is a figure`} of an evaluation, which needs data; give --eval.`,
    );
  const more = metricOfBest(best);
  return more === null ? metrics : [...(metrics ?? []), more];
}

interface Setup {
  readonly model: Model;
  readonly options: FitOptions;
  readonly trained: FinetuneOptions;
  readonly values: FitValues;
  readonly sources: FitSources;
}

async function fitted(trainer: Trainer, setup: Setup): Promise<FitResult> {
  const { model, options, trained, sources, values } = setup;
  const plan = await planned(trainer, setup);
  const settings = await settingsFor(setup);
  const { resume: from, ort } = options;
  const { run, bytes } =
    from === undefined
      ? { run: newRun(), bytes: null }
      : await resumeRun(trainer, settings, { from, ort, forced: values.forced });
  let checkpoint = bytes;
  const { steps: stepsPerEpoch } = sources.train;
  options.onStart?.({ plan, stepsPerEpoch, history: historyOf(run) });
  const keep = () => {
    const bytes = bytesOfRun(trainer, run, settings);
    if (bytes === null) return;
    checkpoint = bytes;
    options.onCheckpoint?.(bytes);
  };
  await runEpochs({ ...loopOf(trainer, setup), keep }, run);
  const { best, error } = run;
  if (!best)
    throw new DivergedError(
      `${error ?? withoutLoss(run.steps, trainedTerms(options))} No epoch ended with a finite loss, so no model is written.`,
    );
  const tuned = tunedModel(model, best.weights);
  options.onProgress?.(1, "done");
  const { lr } = scheduleOf({ ...trained });
  return {
    model: tuned,
    adapter: { ...adapterOf(tuned, options.train), examples: sources.train.dataset?.rows },
    history: historyOf(run),
    best,
    checkpoint: checkpoint!,
    stopped: run.stopped ?? "completed",
    error,
    advice:
      (options.best ?? LOSS.name) !== LOSS.name
        ? null
        : gotWorse(run, { lr, patience: values.patience }),
    plan,
    settings,
    classes: sources.train.dataset?.classes ?? {},
  };
}

const historyOf = ({ before, epochs, steps }: Run): History => ({
  before,
  epochs: [...epochs],
  steps: [...steps],
});

/** Plans the loss on a first batch, and checks all targets of the data. */
async function planned(trainer: Trainer, { options, sources }: Setup): Promise<LossPlan> {
  const plan = await trainer.plan(await sources.train.first());
  const datasets = [sources.train, sources.eval].flatMap((source) => source?.dataset ?? []);
  const terms = trainedTerms(options);
  for (const dataset of datasets)
    for (const [k, term] of terms.entries()) checkTarget(dataset, term, plan.terms[k]);
  const { dataset: own } = sources.train;
  const ownNotes = terms.flatMap((term, k) => (own ? targetNotes(own, term, plan.terms[k]) : []));
  const notes = [...new Set([...plan.notes, ...ownNotes])];
  for (const note of notes) options.onNote?.(note);
  return { ...plan, notes };
}

async function settingsFor({ model, options, trained, values, sources }: Setup): Promise<Settings> {
  const { train, eval: held, batchSize } = sources;
  return settingsOf(model, {
    options: trained,
    data: (await train.dataset?.digest()) ?? null,
    eval: (await held?.dataset?.digest()) ?? null,
    best: options.best,
    ...{ batchSize, seed: values.seed },
    reading: pickOptions(options, reading),
    schedule: scheduleOf({ ...trained }),
  });
}

function loopOf(trainer: Trainer, { options, values, sources }: Setup): Omit<Loop, "keep"> {
  const { epochs } = values;
  const { steps } = sources.train;
  const { signal = null, best = LOSS.name, onStep, onEpoch, onProgress } = options;
  const progress = (done: number, epoch: number) =>
    onProgress?.(Math.min(1, done), `epoch ${epoch} of ${epochs}`);
  return {
    ...{ trainer, best, signal },
    ...sources,
    ...values,
    onStep: (step, weights) => {
      onStep?.(step, weights);
      const done = steps === null ? step.epoch - 1 : step.step / steps;
      progress(done / epochs, step.epoch);
    },
    onEpoch: (epoch, weights) => {
      onEpoch?.(epoch, weights);
      progress(epoch.epoch / epochs, epoch.epoch);
    },
  };
}
