import fs from "node:fs";
import path from "node:path";
import { hyperparameters } from "../passes/finetune/fit-options.ts";
import {
  extractAdapter,
  type FitOptions,
  type FitResult,
  fit,
  InputError,
  isLaurelized,
  laurelize,
  type Model,
  NoSiteError,
  newHead,
  openModel,
  trainableWeights,
} from "../src/index.ts";
import { checkHead, saveBytes, tiedWeights, tuningOf } from "../src/internal.ts";
import { dashed, idleOptions, type Options } from "../src/options.ts";
import { laurelOptions } from "./commands/inserting.ts";
import { EXIT } from "./exit.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";
import { type Files, filesOf } from "./finetune-files.ts";
import { Monitor } from "./monitor.ts";
import { checkFree, checkOutput, checkWritable } from "./output.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";
import { counted } from "./text.ts";
import { tiedWarning } from "./tied-warning.ts";
import { writeTuned } from "./write-tuned.ts";

/** Prints a note or a warning on stderr. */
type Say = (kind: "note" | "warning", text: string) => void;

/** Trains, and writes the tuned model, the adapter, the log, the loss curve and the state. */
export async function runFinetune(args: FinetuneArguments): Promise<void> {
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  const files = filesOf(args, given);
  checkFiles(args, given, files);
  const say: Say = (kind, text) => {
    if (!args.quiet) process.stderr.write(`${kind}: ${text}\n`);
  };
  const model = await modelToTrain(args, given, say);
  if (args.patience !== undefined && !args.eval)
    say("warning", "--patience goes by the training loss, as there is no --eval.");
  const monitor = new Monitor(args);
  const options = fitOptionsOf(args, files, monitor);
  const teacher = args.loss === "distillation" && model !== given ? given : undefined;
  const onNote = (note: string) => say("note", note);
  const result = await fit(model, { ...options, teacher, onNote }).finally(() => monitor.stop());
  await writeTuned(args, files, given, result).catch((error) => {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message} The training is kept in ${files.state}; make room and run again with --resume.`,
    );
  });
  report(result);
}

/** Says what went wrong, and sets the exit code. */
function report({ error, stopped }: FitResult): void {
  if (error) process.stderr.write(`laurelize: ${error}\n`);
  if (stopped === "diverged") process.exitCode = EXIT.diverged;
  if (stopped === "aborted") process.exitCode = EXIT.interrupted;
}

/** Throws an InputError if a file cannot be written, or if there is none to resume from. */
function checkFiles(args: FinetuneArguments, given: Model, files: Files): void {
  const place = { file: files.model, data: files.data && path.basename(files.data), copies: null };
  const force = args.force || args.resume;
  checkOutput(place, args.model, { force, linkWeights: false, copying: false }, given);
  checkWritable(files.model);
  const own = [args.model, ...args.data, ...(args.eval ?? [])];
  for (const file of Object.values(files)) if (file) checkFree(file, own, force);
  if (args.resume && !fs.existsSync(files.state))
    throw new InputError(`there is no ${files.state} to resume from; leave --resume out.`);
}

/** The model that is trained: with its new last layer, and laurelized unless weights are named. */
async function modelToTrain(args: FinetuneArguments, given: Model, say: Say): Promise<Model> {
  const { newHead: layer, classes, seed } = args;
  checkHead(layer, classes);
  if (layer === undefined) return laurelizedModel(args, given, say);
  tell({ step: "replacing the last layer" });
  const model = await newHead(given, { ort, layer, classes: classes!, seed });
  return laurelizedModel(args, model, say);
}

async function laurelizedModel(args: FinetuneArguments, given: Model, say: Say): Promise<Model> {
  const options = laurelOptions(args);
  const named = Object.keys(options).filter((name) => args.given.includes(name) && name !== "seed");
  const isOwn = args.train?.length || tuningOf(given.metadata)?.head;
  if (!isLaurelized(given) && named.length === 0 && isOwn) {
    const weights = trainableWeights(given, args.train);
    say(
      "note",
      `${counted(weights.length, "weight tensor")} of the model's own ${weights.length === 1 ? "is" : "are"} trained, and no LAuReL; --variant ${args.variant} adds it.`,
    );
    for (const tied of tiedWeights(given, args.train)) say("warning", tiedWarning(tied));
    return given;
  }
  tell({ step: "finding the residual connections" });
  const { model, warnings } = isLaurelized(given)
    ? { model: given, warnings: [] }
    : await laurelize(given, { ...options, ort, externalData: null }).catch(withAdvice);
  for (const warning of warnings) say("warning", warning);
  trainableWeights(model, args.train);
  for (const tied of tiedWeights(model, args.train)) say("warning", tiedWarning(tied));
  if (model !== given) return model;
  const { laurelizations } = await extractAdapter(model, { train: [] });
  const variant = laurelizations.map((each) => each.variant).join(", ");
  for (const name of named)
    if (!(name === "variant" && args.variant === variant))
      say(
        "warning",
        `--${dashed(name)} has no effect: ${args.model} is laurelized already, and stays ${variant}.`,
      );
  return model;
}

/** Says what else can be trained if there is no site. */
function withAdvice(error: unknown): never {
  if (error instanceof NoSiteError && error.found.sites.length === 0)
    error.message += " --train 'fc.*' or --new-head trains weights of its own instead.";
  throw error;
}

/** What fit is called with. */
function fitOptionsOf(args: FinetuneArguments, files: Files, monitor: Monitor): FitOptions {
  const { data, eval: held, loss, target, train, optimizer, seed, threads } = args;
  const { epochs, batchSize, patience, lr, schedule, scheduleSteps, warmup } = args;
  return {
    ort,
    ...{ data, eval: held, loss, target, output: args.outputName, train, optimizer, seed, threads },
    ...{ epochs, batchSize, patience, lr, schedule, scheduleSteps, warmup },
    lossOptions: picked(args, hyperparameters.lossOptions),
    optimizerOptions: picked(args, hyperparameters.optimizerOptions),
    resume: args.resume ? files.state : undefined,
    forced: args.force,
    signal: monitor.signal,
    onStart: monitor.start,
    onStep: monitor.step,
    onEpoch: monitor.epoch,
    onCheckpoint: (bytes) => saveBytes(bytes, files.state),
  };
}

/** Those arguments that are declared options and have an effect. */
function picked(args: object, declared: Options): object {
  const given = args as Readonly<Record<string, unknown>>;
  const idle = new Set(idleOptions(given, declared).map(([name]) => name));
  const names = Object.keys(declared).filter((name) => !idle.has(name));
  return Object.fromEntries(names.map((name) => [name, given[name]]));
}
