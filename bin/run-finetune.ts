import fs from "node:fs";
import path from "node:path";
import { hyperparameters } from "../passes/finetune/fit-options.ts";
import { reading } from "../passes/finetune/reading-options.ts";
import { lossNames, saveBytes } from "../passes/internal.ts";
import { type FitOptions, fit, InputError, type Model, openModel } from "../src/index.ts";
import { course, type FinetuneArguments } from "./commands/finetune.ts";
import { EXIT } from "./exit.ts";
import { type Files, filesOf } from "./finetune-files.ts";
import { givenLosses } from "./given-losses.ts";
import { checkReport } from "./html/report-page.ts";
import { modelToTrain, type Say } from "./model-to-train.ts";
import { Monitor } from "./monitor.ts";
import { checkFree, checkOutput, checkWritable } from "./output.ts";
import { picked } from "./picked.ts";
import { printNote } from "./print.ts";
import { Progress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { removeBegun, writeHeld } from "./staged.ts";
import { writeTuned } from "./write-tuned.ts";

/** Trains, and writes the tuned model, the adapter, the log, the loss curve and the state. */
export async function runFinetune(args: FinetuneArguments): Promise<void> {
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  const files = filesOf(args, given);
  checkFiles(args, given, files);
  const loading = new Progress(!args.quiet, "loading");
  const say: Say = (kind, text) => {
    if (!args.quiet) loading.note(`${kind}: ${text}`);
  };
  try {
    loading.report(0, "model");
    const model = await modelToTrain(args, given, say);
    loading.report(0.5, "data and training graph");
    const monitor = new Monitor(args);
    const options = { ...fitOptionsOf(args, files, monitor), ...(await givenLosses(args)) };
    const teacher = await teacherOf(args, given, model);
    removeBegun(files.state);
    const result = await fit(model, {
      ...options,
      teacher,
      onNote: (note) => say("note", note),
      onStart(start) {
        loading.stop();
        monitor.start(start);
      },
    }).finally(() => monitor.stop());
    await writeTuned(args, files, given, result).catch((error) => {
      throw resumable(error, files);
    });
    if (result.error) printNote("laurelize", result.error);
    if (result.stopped === "diverged") process.exitCode = EXIT.diverged;
    if (result.stopped === "aborted") process.exitCode = EXIT.interrupted;
  } finally {
    loading.stop();
  }
}

/** An error after which the training can go on from its state, which it mentions. */
const resumable = (error: unknown, { state }: Files) =>
  error instanceof InputError
    ? new InputError(
        `${error.message} The state of the training is in ${state}; solve the problem and run again with --resume.`,
      )
    : error;

/** Throws an InputError if a file cannot be written, or if there is none to resume from. */
function checkFiles(args: FinetuneArguments, given: Model, files: Files): void {
  const externalData = files.data && path.basename(files.data);
  const place = { file: files.model, externalData, copyData: null };
  const force = args.force || args.resume;
  checkOutput(place, args.model, { force, copying: false }, given);
  checkWritable(files.model);
  const inputFiles = [args.model, ...args.data, ...(args.eval ?? [])];
  const written = Object.values(files).filter((file) => file !== null);
  for (const file of written) checkFree(file, inputFiles, force);
  checkReport({ ...args, force }, [...inputFiles, ...written]);
  if (args.resume && !fs.existsSync(files.state))
    throw new InputError(`there is no ${files.state} to resume from; leave out --resume.`);
}

/** The model that a distillation follows: the one that is named, or the original. */
async function teacherOf(args: FinetuneArguments, given: Model, model: Model) {
  if (!lossNames(args.loss).includes("distillation")) return undefined;
  if (args.teacher !== undefined) return openModel(args.teacher, { trustLinks: args.trustLinks });
  return model === given ? undefined : given;
}

/**
 * Returns what writes checkpoints. Another training may have begun with the same files: then the
 * first checkpoint is refused, and not the result at the end.
 */
function checkpointer({ force, resume }: FinetuneArguments, files: Files) {
  const { state } = files;
  let isOwn = force || resume;
  let isKept = resume;
  return (bytes: Uint8Array) => {
    checkFree(state, [], isOwn);
    isOwn = true;
    try {
      writeHeld(() => saveBytes(bytes, state));
    } catch (error) {
      throw isKept ? resumable(error, files) : error;
    }
    isKept = true;
  };
}

function fitOptionsOf(args: FinetuneArguments, files: Files, monitor: Monitor): FitOptions {
  const { data, eval: held, train, optimizer, seed, threads } = args;
  return {
    ort,
    ...{ data, eval: held, train, optimizer, seed, threads },
    ...picked(args, course),
    ...picked(args, reading),
    lossOptions: picked(args, hyperparameters.lossOptions),
    optimizerOptions: picked(args, hyperparameters.optimizerOptions),
    resume: args.resume ? files.state : undefined,
    forced: args.force,
    signal: monitor.signal,
    onStep: monitor.step,
    onEpoch: monitor.epoch,
    onCheckpoint: checkpointer(args, files),
  };
}
