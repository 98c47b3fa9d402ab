import { sha256 } from "#node";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { dashed } from "../../src/options.ts";
import { lossOptions } from "../losses/index.ts";
import { optimizerOf, optimizerOptions } from "../optimizers/index.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { FinetuneOptions } from "./finetune-options.ts";
import { shownTerm, type TrainedTerm, trainedTerms } from "./terms.ts";

type Setting = string | number | readonly (string | number)[] | null;

/** What a training is made with: the log lists it, and a resumed training is checked against it. */
export interface Settings {
  /** Other values of these would make earlier weights and losses meaningless. */
  readonly firm: Readonly<Record<string, Setting>>;
  /** These may change between runs if the caller forces it. */
  readonly free: Readonly<Record<string, Setting>>;
}

interface SettingsOf {
  readonly options: FinetuneOptions;
  /** Digests of the data; null if it is not read from files. */
  readonly data: string | null;
  readonly eval: string | null;
  /** The figure that chooses the best epoch; the loss by default. */
  readonly best?: string | undefined;
  readonly batchSize: number | null;
  readonly seed: number;
  readonly schedule: Schedule;
  readonly reading?: Readonly<Record<string, unknown>> | undefined;
}

/** Returns the settings of a training; files are identified by their SHA-256. */
export async function settingsOf(model: Model, of: SettingsOf): Promise<Settings> {
  const { options, schedule } = of;
  const terms = trainedTerms(options);
  const { train, target, output } = options;
  const chosen = optimizerOf(options.optimizer, options.optimizerOptions);
  return {
    firm: {
      model: await sha256(model.source),
      train: train ?? [],
      loss: await lossSetting(options, terms),
      target: target ?? null,
      until: output ?? null,
      ...(options.teacher ? { teacher: await sha256(options.teacher.source) } : {}),
      ...optionsOf(terms),
      eval: of.eval,
      best: of.best ?? "loss",
      optimizer: chosen.optimizer.name,
    },
    free: {
      data: of.data,
      "batch-size": of.batchSize,
      accumulate: options.accumulate ?? 1,
      ...readingIn(of.reading),
      seed: of.seed,
      lr: schedule.lr,
      schedule: schedule.name,
      warmup: schedule.warmup,
      "schedule-steps": schedule.steps,
      ...namedAs(schedule.options, schedule.options),
      ...namedAs(optimizerOptions, chosen.options),
    },
  };
}

/** How data is read, as one writes it; what is not stated is left out. */
function readingIn(given: NonNullable<SettingsOf["reading"]> = {}) {
  const written = Object.entries(given).map(([name, value]): [string, Setting] => {
    const isByName = typeof value === "object" && value !== null && !Array.isArray(value);
    const pairs = isByName ? Object.entries(value) : [];
    const list = pairs.map(([key, stated]) => `${key}=${stated ?? "none"}`);
    return [dashed(name), isByName ? list : (value as Setting)];
  });
  return Object.fromEntries(
    written.filter(([, value]) => value !== undefined && `${value}` !== ""),
  );
}

/** The losses as one writes them; a graph is identified by its SHA-256. */
async function lossSetting(
  { losses }: FinetuneOptions,
  terms: readonly TrainedTerm[],
): Promise<Setting> {
  const written = await Promise.all(
    terms.map(async (term) => {
      const name = losses ? shownTerm(term) : term.chosen.loss.name;
      return typeof term.given === "string" ? name : `${name} ${await sha256(term.given.source)}`;
    }),
  );
  return losses ? written : written[0];
}

/** The values of all losses' options by their names on the command line. */
function optionsOf(terms: readonly TrainedTerm[]): Record<string, Setting> {
  const [first, ...others] = terms.map(({ chosen }) => namedAs(lossOptions, chosen.options));
  return others.reduce(
    (merged, options) =>
      Object.fromEntries(Object.keys(merged).map((name) => [name, merged[name] ?? options[name]])),
    first,
  );
}

/** The values of declared options as the command line names them; null for those without effect. */
const namedAs = (declared: object, values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    Object.keys(declared).map((name) => [dashed(name), (values[name] ?? null) as Setting]),
  );

/** Settings that are digests, and what differs if these do. */
const FILES: Readonly<Record<string, string>> = {
  model: "of another model, variant, rank or seed",
  data: "on other data",
  eval: "evaluated on other data (--eval)",
};

/**
 * Checks a training's settings against those of the one that it resumes. Throws an InputError for
 * the first setting that differs; `forced` allows free ones to. Returns whether the batches come
 * in another order.
 */
export function checkSame(
  before: Settings,
  now: Settings,
  { name, forced }: { readonly name: string; readonly forced: boolean },
): { readonly otherOrder: boolean } {
  const [firm] = otherIn(before.firm, now.firm);
  if (firm !== undefined)
    throw new InputError(
      `${name} is the state of a run ${difference(firm, before.firm, now.firm)}; give the same options, or start again without --resume.`,
    );
  const free = otherIn(before.free, now.free);
  if (free.length > 0 && !forced)
    throw new InputError(
      `${name} is the state of a run ${difference(free[0], before.free, now.free)}; give the same options, pass --force to continue anyway, or start again without --resume.`,
    );
  return {
    otherOrder: free.some((key) => ["data", "batch-size", "accumulate", "seed"].includes(key)),
  };
}

const otherIn = (before: Settings["firm"], now: Settings["firm"]) =>
  Object.keys(now).filter(
    (key) => JSON.stringify(before[key] ?? null) !== JSON.stringify(now[key] ?? null),
  );

function difference(key: string, before: Settings["firm"], now: Settings["firm"]): string {
  const shown = (value: Setting | undefined) =>
    value === null || value === undefined || String(value) === "" ? "none" : String(value);
  return FILES[key] ?? `with --${key} ${shown(before[key])}, and this one has ${shown(now[key])}`;
}
