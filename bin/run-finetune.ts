import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";
import {
  adapterBytes,
  checkBatchSize,
  checkLabels,
  classesOf,
  type Dataset,
  extractAdapter,
  type Finetuning,
  finetune,
  InputError,
  isLaurelized,
  laurelize,
  type Model,
  openDataset,
  openModel,
  resumeTraining,
  saveBytes,
  saveModel,
  stateBytes,
  strip,
  type Tensors,
  tunedModel,
  weightsAsInputs,
} from "../src/index.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import { type Files, filesOf } from "./finetune-files.ts";
import { checkFree, checkOutput, checkWritable } from "./output.ts";
import { bytes, counted } from "./text.ts";
import { type Course, type History, stepsOf, train } from "./training.ts";
import { figures, Watch } from "./watch.ts";

const INTERRUPTED = 130;

/** Examples a step, where neither the user nor the model says. */
const BATCH = 32;

/** Trains, and writes the tuned model, the adapter, the log, the loss curve and the state. */
export async function runFinetune(args: FinetuneArguments): Promise<void> {
  checkNumbers(args);
  const files = filesOf(args);
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  const place = { file: files.model, data: null, copies: null };
  const force = args.force || args.resume;
  checkOutput(place, args.model, { force, linkWeights: false, copying: false }, given);
  checkWritable(files.model);
  const own = [args.model, args.data, ...(args.eval ? [args.eval] : [])];
  for (const file of Object.values(files)) checkFree(file, own, force);
  const model = isLaurelized(given)
    ? given
    : (await laurelize(given, { ...args, ort, externalData: null })).model;
  const targets = args.target === undefined ? [] : [args.target];
  const dataset = await openDataset(args.data, model, { targets });
  const held = args.eval ? await openDataset(args.eval, model, { targets }) : null;
  const lossOptions = {
    classAxis: args.classAxis ?? null,
    ignoreIndex: args.ignoreIndex,
    temperature: args.temperature,
    distil: args.distil,
  };
  const judging = { ort, loss: args.loss, output: args.until, lossOptions };
  const classes = await classesOf(model, judging);
  const batchSize = args.batchSize ?? dataset.batchSize ?? BATCH;
  for (const each of held ? [dataset, held] : [dataset]) {
    checkTarget(each, args, classes);
    checkBatchSize(each, each.batchSize === null ? Math.min(batchSize, each.rows) : batchSize);
    if (!args.quiet) for (const note of each.notes) process.stderr.write(`note: ${note}\n`);
  }
  const tuning = finetune(model, {
    ...judging,
    target: args.target,
    teacher: args.loss === "distillation" ? await teacherOf(given) : undefined,
    train: args.train,
    optimizer: args.optimizer,
    optimizerOptions: {
      momentum: args.momentum,
      weightDecay: args.weightDecay,
      clip: args.clip === 0 ? null : args.clip,
    },
    lr: args.lr,
    schedule: args.schedule,
    warmup: args.warmup,
    steps: args.epochs * stepsOf(dataset, Math.min(batchSize, dataset.rows)),
    threads: args.threads,
  });
  const history = args.resume ? resumed(tuning, files.state) : fresh();
  const watch = new Watch(args, history);
  try {
    await train(
      tuning,
      courseOf({ ...args, batchSize }, dataset, held, watch, () => keep(tuning, history, files)),
      history,
    );
  } finally {
    watch.stop();
  }
  keep(tuning, history, files);
  await tuning.close();
  if (!history.best)
    throw new InputError(
      history.error ?? "the loss is not finite after any epoch; nothing is written; lower --lr.",
    );
  await write(args, files, model, history);
  if (history.error) process.stderr.write(`laurelize: ${history.error}\n`);
  if (history.ended === "diverged") process.exitCode = 1;
  if (history.ended === "interrupted") process.exitCode = INTERRUPTED;
}

function checkNumbers(args: FinetuneArguments): void {
  for (const name of ["epochs", "batchSize", "patience"] as const) {
    const value = args[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      throw new InputError(`${name} ${value} is no whole number from 1 on.`);
  }
  if (!Number.isSafeInteger(args.threads) || args.threads < 0)
    throw new InputError(`threads ${args.threads} is no whole number from 0 on.`);
  for (const name of ["momentum", "weightDecay", "clip"] as const)
    if (!(args[name] >= 0)) throw new InputError(`${name} ${args[name]} is no number from 0 on.`);
}

/** The model as it was before it was laurelized, if it was. */
async function teacherOf(model: Model): Promise<Model> {
  return isLaurelized(model) ? (await strip(model)).model : model;
}

function checkTarget(dataset: Dataset, args: FinetuneArguments, classes: number | null): void {
  const column = dataset.columns.find(({ name }) => name === args.target);
  if (column && classes !== null && /int/.test(column.dtype))
    checkLabels(dataset, column.name, classes, args.ignoreIndex);
}

const fresh = (): History => ({
  steps: [],
  epochs: [],
  before: null,
  best: null,
  ended: "done",
  error: null,
});

type Noted = Pick<History, "steps" | "epochs" | "before"> & {
  readonly best: { readonly epoch: number; readonly loss: number } | null;
};

/** The history that a state file tells, the training being brought to its end. */
function resumed(tuning: Finetuning, file: string): History {
  if (!fs.existsSync(file))
    throw new InputError(`there is no ${file} to resume from; leave --resume out.`);
  const { best, note } = resumeTraining(tuning, fs.readFileSync(file), { ort, name: file });
  const { steps, epochs, before, best: which } = note as Noted;
  return { ...fresh(), steps, epochs, before, best: which && { ...which, weights: best } };
}

/** Writes the state, from which a run can be resumed. */
function keep(
  tuning: Finetuning,
  { steps, epochs, before, best }: History,
  { state }: Files,
): void {
  if (tuning.step === 0) return;
  const which = best && { epoch: best.epoch, loss: best.loss };
  const note: Noted = { steps, epochs, before, best: which };
  saveBytes(stateBytes(tuning, { best: best?.weights ?? {}, note }), state);
}

const courseOf = (
  args: FinetuneArguments & { batchSize: number },
  dataset: Dataset,
  held: Dataset | null,
  watch: Watch,
  onEpoch: () => void,
): Course => ({
  ort,
  train: dataset,
  eval: held,
  epochs: args.epochs,
  batchSize: args.batchSize,
  seed: args.seed,
  patience: args.patience ?? null,
  stopped: () => watch.interrupted,
  onStep: watch.step,
  onEpoch: (epoch) => {
    watch.epoch(epoch);
    onEpoch();
  },
});

async function write(
  args: FinetuneArguments,
  files: Files,
  model: Model,
  history: History,
): Promise<void> {
  const { best, steps, epochs, before, ended } = history;
  const tuned = tunedModel(model, best!.weights as Tensors);
  const adapter = extractAdapter(tuned, { train: args.train });
  const names = adapter.tensors.map(({ name }) => name);
  const final = args.weights === "as-inputs" ? weightsAsInputs(tuned, names) : tuned;
  await saveModel(final, files.model);
  saveBytes(adapterBytes(adapter), files.adapter);
  const { epoch, loss } = best!;
  const summary = { ended, best: { epoch, loss }, before, epochs };
  const text = (json: unknown) => new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
  const { model: input, variant, data, eval: held, loss: towards, seed } = args;
  const how = { model: input, variant, data, eval: held ?? null, loss: towards, seed };
  saveBytes(text({ ...how, ...summary, steps }), files.log);
  const { lossCurve } = await import("./loss-curve.ts");
  const svg = lossCurve(
    {
      train: steps.map(({ step, loss }) => [step, loss]),
      eval: [
        ...(before ? [[0, before] as const] : []),
        ...epochs.flatMap((each) => (each.eval ? [[each.step, each.eval] as const] : [])),
      ].map(([step, { loss, metrics }]) => [step, loss, Object.values(metrics)[0]]),
    },
    path.basename(args.model),
    Object.keys(steps[0]?.metrics ?? {})[0],
  );
  saveBytes(new TextEncoder().encode(svg), files.curve);
  if (args.json)
    process.stdout.write(
      `${JSON.stringify({ ...summary, files, steps: steps.length }, null, 2)}\n`,
    );
  else if (!args.quiet) {
    const at = epochs.find((each) => each.epoch === epoch);
    const shown = at?.eval ?? at?.train;
    process.stdout.write(
      `${counted(steps.length, "step")}, best after epoch ${epoch}: ${shown ? figures(shown) : `loss ${loss}`}${before ? ` (before: ${figures(before)})` : ""}\nwrote ${files.model}   ${bytes(final.size)}\nwrote ${files.adapter}, ${[files.log, files.curve, files.state].map((file) => path.basename(file)).join(", ")}\n`,
    );
  }
}
