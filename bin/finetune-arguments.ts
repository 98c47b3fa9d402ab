import type { FeatureAxis, FinetuneOptions } from "../src/index.ts";
import type { Inserting } from "./commands/inserting.ts";

/** What the command line says. */
export interface FinetuneArguments extends Inserting {
  /** Options that stood on the command line. */
  given: readonly string[];
  model: string;
  data: string[];
  eval: string[] | undefined;
  loss: FinetuneOptions["loss"];
  target: string | undefined;
  until: string | undefined;
  classAxis: number | undefined;
  shift: number | undefined;
  logits: boolean;
  probabilities: boolean;
  ignoreIndex: number;
  temperature: number;
  distil: "logits" | "features";
  output: string | undefined;
  epochs: number;
  batchSize: number | undefined;
  lr: number;
  schedule: "constant" | "cosine";
  scheduleSteps: number | undefined;
  warmup: number;
  optimizer: NonNullable<FinetuneOptions["optimizer"]>;
  momentum: number;
  weightDecay: number;
  clip: number;
  patience: number | undefined;
  train: string[] | undefined;
  resume: boolean;
  weights: "inside" | "as-inputs";
  threads: number;
  featureAxis: FeatureAxis | undefined;
  also: ("se" | "merge" | "constant")[] | undefined;
  force: boolean;
  json: boolean;
  quiet: boolean;
  timeout: number;
  trustLinks: boolean;
}
