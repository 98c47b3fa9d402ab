import type { FinetuneOptions } from "../src/index.ts";
import type { ApplyArguments } from "./commands/apply.ts";
import type { CombineArguments } from "./commands/average.ts";
import type { CheckArguments } from "./commands/check.ts";
import type { CompareArguments } from "./commands/compare.ts";
import type { DiffArguments } from "./commands/diff.ts";
import type { ExtractArguments } from "./commands/extract.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import type { FoldArguments } from "./commands/fold.ts";
import type { InspectArguments } from "./commands/inspect.ts";
import type { LadderArguments } from "./commands/ladder.ts";
import type { LaurelizeArguments } from "./commands/laurelize.ts";
import type { StripArguments } from "./commands/strip.ts";

type AnyArguments =
  | LaurelizeArguments
  | InspectArguments
  | LadderArguments
  | CompareArguments
  | DiffArguments
  | StripArguments
  | FinetuneArguments
  | ExtractArguments
  | FoldArguments
  | ApplyArguments
  | CombineArguments
  | CheckArguments;

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
  | "split";

type LossAndOptimizer = NonNullable<FinetuneOptions["lossOptions"]> &
  NonNullable<FinetuneOptions["optimizerOptions"]>;

/** Options of commands by their names in camel case; those that a command does not have are left out. */
export type Recipe = {
  readonly [K in Exclude<KeysOf<AnyArguments>, Others>]?: ValueAt<AnyArguments, K>;
} & {
  readonly featureAxis?: string | number;
  readonly outDir?: string;
  readonly split?: string;
} & Partial<LossAndOptimizer>;

/** A configuration file. */
interface LaurelizeConfig {
  /** Options by the name that `--recipe` takes. */
  readonly recipes: Readonly<Record<string, Recipe>>;
}

/** Returns a configuration as it is; gives `laurelize.config.ts` its types. */
export const defineConfig = (config: LaurelizeConfig): LaurelizeConfig => config;
