import { createHash } from "node:crypto";
import fs from "node:fs";
import { dataFiles, InputError, type Model } from "../src/index.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";

type Setting = string | number | readonly string[] | null;

/** What a run is made with: the log tells it, and a run that is resumed is held against it. */
export interface Settings {
  /** Without these, weights and losses of the earlier run mean nothing: never other ones. */
  readonly firm: Readonly<Record<string, Setting>>;
  /** These may change on the way, where that is meant. */
  readonly free: Readonly<Record<string, Setting>>;
}

/** The settings of a run; files are told by their SHA-256. */
export async function settingsOf(
  args: FinetuneArguments,
  model: Model,
  { batchSize, scheduleSteps }: { readonly batchSize: number; readonly scheduleSteps: number },
): Promise<Settings> {
  const distils = args.loss === "distillation";
  const sgd = args.optimizer === "sgd";
  return {
    firm: {
      model: digestOf(model),
      train: args.train ?? [],
      loss: args.loss,
      target: args.target ?? null,
      until: args.until ?? null,
      "class-axis": args.classAxis ?? null,
      "ignore-index": args.ignoreIndex,
      ...(args.shift === undefined ? {} : { shift: args.shift }),
      ...(args.logits || args.probabilities
        ? { values: args.logits ? "logits" : "probabilities" }
        : {}),
      temperature: distils ? args.temperature : null,
      distil: distils ? args.distil : null,
      eval: args.eval ? await digestOfFiles(args.eval) : null,
      optimizer: args.optimizer,
    },
    free: {
      data: await digestOfFiles(args.data),
      "batch-size": batchSize,
      seed: args.seed,
      lr: args.lr,
      schedule: args.schedule,
      warmup: args.warmup,
      "schedule-steps": args.schedule === "cosine" ? scheduleSteps : null,
      momentum: sgd ? args.momentum : null,
      "weight-decay": args.weightDecay,
      clip: args.clip,
    },
  };
}

/** Settings that are told by a digest, and what differs where these do. */
const FILES: Readonly<Record<string, string>> = {
  model: "of another model, variant, rank or seed",
  data: "on other data",
  eval: "judged on other data (--eval)",
};

/**
 * Holds a run against the one that it resumes. Throws an InputError, one sentence, for the first
 * setting that is another; `meant` lets free ones be. Tells whether the data goes by in another way.
 */
export function checkSame(
  before: Settings,
  now: Settings,
  { name, meant }: { readonly name: string; readonly meant: boolean },
): { readonly otherOrder: boolean } {
  const firm = otherIn(before.firm, now.firm);
  if (firm.length > 0)
    throw new InputError(
      `${name} is the state of a run ${told(firm[0], before.firm, now.firm)}; give what it had, or begin anew without --resume.`,
    );
  const free = otherIn(before.free, now.free);
  if (free.length > 0 && !meant)
    throw new InputError(
      `${name} is the state of a run ${told(free[0], before.free, now.free)}; give what it had, pass --force to go on like this, or begin anew without --resume.`,
    );
  return { otherOrder: free.some((key) => ["data", "batch-size", "seed"].includes(key)) };
}

const otherIn = (before: Settings["firm"], now: Settings["firm"]) =>
  Object.keys(now).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));

function told(key: string, before: Settings["firm"], now: Settings["firm"]): string {
  const shown = (value: Setting | undefined) =>
    value === null || value === undefined || value === "" || String(value) === ""
      ? "none"
      : String(value);
  return FILES[key] ?? `with --${key} ${shown(before[key])}, and this one has ${shown(now[key])}`;
}

const BLOCK = 1 << 20;

function digestOf({ source }: Model): string {
  const hash = createHash("sha256");
  for (let at = 0; at < source.size; at += BLOCK)
    hash.update(source.read(at, Math.min(source.size, at + BLOCK)));
  return hash.digest("hex");
}

/** The digest of a file; of several, or of a folder's, that of their digests in order. */
async function digestOfFiles(places: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for (const file of dataFiles(places)) digests.push(await digestOfFile(file));
  if (digests.length === 1) return digests[0];
  return createHash("sha256").update(digests.join()).digest("hex");
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of fs.createReadStream(file, { highWaterMark: BLOCK })) hash.update(block);
  return hash.digest("hex");
}
