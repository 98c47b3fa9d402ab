import type { dataReading, fitting } from "../passes/finetune/fit-options.ts";
import type { FeatureAxis, FinetuneOptions } from "../src/index.ts";
import type { ArgumentsOf } from "../src/option-values.ts";
import type { Inserting } from "./commands/inserting.ts";

/** The command line of finetune; options of the loss and of the optimizer stand beside these. */
export interface FinetuneArguments
  extends Inserting,
    Omit<Partial<ArgumentsOf<typeof dataReading>>, "batchAxis" | "columns">,
    Omit<ArgumentsOf<typeof fitting>, "output" | "loss"> {
  /** Options that stood on the command line. */
  given: readonly string[];
  model: string;
  data: string[];
  eval: string[] | undefined;
  /** As they are written: `OUTPUT=LOSS:TARGET*WEIGHT`. */
  loss: string[];
  teacher: string | undefined;
  optimizer: NonNullable<FinetuneOptions["optimizer"]>;
  outputName: string | undefined;
  output: string | undefined;
  batchAxis: string[] | undefined;
  columns: string[] | undefined;
  resume: boolean;
  weights: "inside" | "as-inputs" | "as-optional-inputs";
  featureAxis: FeatureAxis | undefined;
  also: ("se" | "merge" | "constant")[] | undefined;
  force: boolean;
  json: boolean;
  jsonLines: boolean;
  quiet: boolean;
  timeout: number;
  trustLinks: boolean;
  report: string | undefined;
  words: string[];
}
