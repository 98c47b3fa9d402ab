import path from "node:path";
import {
  batches,
  checkBatchSize,
  type Dataset,
  DivergedError,
  extractAdapter,
  finetune,
  InputError,
  isLaurelized,
  laurelize,
  type Model,
  openDataset,
  openModel,
  strip,
  tiedWeights,
  trainableWeights,
} from "../src/index.ts";
import { fresh, keepState, resumed } from "./checkpoint.ts";
import { laurelOptions } from "./commands/inserting.ts";
import { dashed } from "./commands/options.ts";
import { EXIT } from "./exit.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";
import { filesOf } from "./finetune-files.ts";
import { checkTarget, lossOptionsOf, targetNotes, tiedWarning } from "./loss-arguments.ts";
import { checkFree, checkOutput, checkWritable } from "./output.ts";
import { ort } from "./runtime.ts";
import { settingsOf } from "./settings.ts";
import { tell } from "./supervision.ts";
import { counted } from "./text.ts";
import { type Course, stepsOf, train } from "./training.ts";
import { Watch } from "./watch.ts";
import { writeTuned } from "./write-tuned.ts";

/** Examples a step, where neither the user nor the model says. */
const BATCH = 32;

/** Trains, and writes the tuned model, the adapter, the log, the loss curve and the state. */
export async function runFinetune(args: FinetuneArguments): Promise<void> {
  checkNumbers(args);
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  const files = filesOf(args, given);
  const place = { file: files.model, data: files.data && path.basename(files.data), copies: null };
  const force = args.force || args.resume;
  checkOutput(place, args.model, { force, linkWeights: false, copying: false }, given);
  checkWritable(files.model);
  const own = [args.model, ...args.data, ...(args.eval ?? [])];
  for (const file of Object.values(files)) if (file) checkFree(file, own, force);
  const say = (kind: string, text: string) => {
    if (!args.quiet) process.stderr.write(`${kind}: ${text}\n`);
  };
  tell({ step: "finding the residual connections" });
  const laurel = isLaurelized(given)
    ? { model: given, warnings: [] }
    : await laurelize(given, { ...laurelOptions(args), ort, externalData: null });
  for (const warning of laurel.warnings) say("warning", warning);
  const { model } = laurel;
  trainableWeights(model, args.train);
  for (const tied of tiedWeights(model, args.train)) say("warning", tiedWarning(tied));
  const variant = variantOf(model);
  const idle =
    model === given
      ? Object.keys(laurelOptions(args)).filter((name) => args.given.includes(name))
      : [];
  for (const name of idle)
    if (name !== "seed" && !(name === "variant" && args.variant === variant))
      say(
        "warning",
        `--${dashed(name)} has no effect: ${args.model} is laurelized already, and stays ${variant}.`,
      );
  if (args.patience !== undefined && !args.eval)
    say("warning", "--patience goes by the training loss, as there is no --eval.");
  const targets = args.target === undefined ? [] : [args.target];
  const dataset = await openDataset(args.data, model, { targets });
  const held = args.eval ? await openDataset(args.eval, model, { targets }) : null;
  const batchSize = args.batchSize ?? dataset.batchSize ?? BATCH;
  for (const each of held ? [dataset, held] : [dataset]) {
    checkBatchSize(each, each.batchSize === null ? Math.min(batchSize, each.rows) : batchSize);
    for (const note of each.notes) say("note", note);
  }
  for (const each of held ? [dataset, held] : [dataset]) {
    const over = each.batchSize ? each.rows % each.batchSize : 0;
    if (over > 0)
      say(
        "note",
        `the last ${counted(over, "row")} of ${each === held ? "" : "each epoch over "}${each.name} make no batch and are left out.`,
      );
  }
  const scheduleSteps = args.scheduleSteps ?? args.epochs * stepsOf(dataset, batchSize);
  const tuning = finetune(model, {
    ort,
    loss: args.loss,
    output: args.until,
    lossOptions: lossOptionsOf(args),
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
    steps: scheduleSteps,
    threads: args.threads,
  });
  const size = Math.min(batchSize, dataset.rows);
  const [first] = batches(dataset, { ort, batchSize: size });
  const plan = await tuning.plan(first);
  for (const each of held ? [dataset, held] : [dataset]) checkTarget(each, args, plan);
  const notes = [...plan.notes, ...targetNotes(dataset, args, plan)];
  for (const note of notes) say("note", note);
  tell({ step: "training" });
  const settings = await settingsOf(args, model, { batchSize, scheduleSteps });
  const from = { file: files.state, meant: args.force };
  const history = args.resume ? resumed(tuning, settings, from) : fresh();
  const watch = new Watch(args, history);
  try {
    await train(
      tuning,
      courseOf({ ...args, batchSize }, dataset, held, watch, () =>
        keepState(tuning, history, settings, files.state),
      ),
      history,
    );
  } finally {
    watch.stop();
  }
  await tuning.close();
  dataset.close();
  held?.close();
  if (!history.best)
    throw new DivergedError(
      `${history.error ?? "the loss is not finite after any epoch; lower --lr."} No epoch ended with a finite loss, so no model is written.`,
    );
  await writeTuned(
    args,
    files,
    { given, model },
    { settings, plan: { ...plan, notes } },
    history,
  ).catch((error) => {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message} The training is kept in ${files.state}; make room and run again with --resume.`,
    );
  });
  if (history.error) process.stderr.write(`laurelize: ${history.error}\n`);
  if (history.ended === "diverged") process.exitCode = EXIT.diverged;
  if (history.ended === "interrupted") process.exitCode = EXIT.interrupted;
}

function checkNumbers(args: FinetuneArguments): void {
  const refuse = (name: string, what: string) => {
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InputError(`--${option} ${args[name as "lr"]} is no ${what}.`);
  };
  for (const name of ["epochs", "batchSize", "patience", "scheduleSteps"] as const) {
    const value = args[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      refuse(name, "whole number from 1 on");
  }
  for (const name of ["threads", "warmup"] as const)
    if (!Number.isSafeInteger(args[name]) || args[name] < 0) refuse(name, "whole number from 0 on");
  for (const name of ["momentum", "weightDecay", "clip"] as const)
    if (!(args[name] >= 0)) refuse(name, "number from 0 on");
  if (!(args.lr > 0 && args.lr < Number.POSITIVE_INFINITY)) refuse("lr", "positive number");
}

/** What was inserted into a laurelized model, first to last. */
const variantOf = (model: Model) =>
  extractAdapter(model)
    .laurelizations.map((each) => each.variant)
    .join(", ");

/** The model as it was before it was laurelized, if it was. */
async function teacherOf(model: Model): Promise<Model> {
  return isLaurelized(model) ? (await strip(model)).model : model;
}

const courseOf = (
  args: FinetuneArguments & { batchSize: number },
  dataset: Dataset,
  held: Dataset | null,
  watch: Watch,
  keep: () => void,
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
  onEpoch: watch.epoch,
  keep,
});
