import type { FinetuneOptions } from "../src/index.ts";

type AnyArguments =
  | import("./commands/laurelize.ts").LaurelizeArguments
  | import("./commands/inspect.ts").InspectArguments
  | import("./commands/command.ts").ArgumentsFor<typeof import("./commands/ladder.ts").ladder>
  | import("./commands/compare.ts").CompareArguments
  | import("./commands/diff.ts").DiffArguments
  | import("./commands/strip.ts").StripArguments
  | import("./commands/finetune.ts").FinetuneArguments
  | import("./commands/extract.ts").ExtractArguments
  | import("./commands/command.ts").ArgumentsFor<typeof import("./commands/fold.ts").fold>
  | import("./commands/apply.ts").ApplyArguments
  | import("./commands/average.ts").CombineArguments
  | import("./commands/check.ts").CheckArguments;

type KeysOf<T> = T extends unknown ? keyof T : never;
type ValueAt<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;

/** Arguments that are not options, or that a file states in another form. */
type Others =
  | "model"
  | "a"
  | "b"
  | "adapter"
  | "adapters"
  | "given"
  | "words"
  | "featureAxis"
  | "dim"
  | "batchAxis"
  | "columns"
  | "split";

type LossAndOptimizer = NonNullable<FinetuneOptions["lossOptions"]> &
  NonNullable<FinetuneOptions["optimizerOptions"]>;

/** Options of commands by their names in camel case; those that a command does not have are left out. */
export type Recipe = {
  readonly [K in Exclude<KeysOf<AnyArguments>, Others>]?: ValueAt<AnyArguments, K>;
} & {
  readonly featureAxis?: string | number;
  readonly dim?: string[];
  readonly batchAxis?: string[];
  readonly columns?: string[];
  readonly outDir?: string;
  readonly split?: string;
} & Partial<LossAndOptimizer>;

interface LaurelizeConfig {
  /** Options by the name that `--recipe` takes. */
  readonly recipes: Readonly<Record<string, Recipe>>;
}

/** Returns a configuration as it is; gives `laurelize.config.ts` its types. */
export const defineConfig = (config: LaurelizeConfig): LaurelizeConfig => config;
