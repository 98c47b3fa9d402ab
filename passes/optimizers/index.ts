import {
  type ChosenValues,
  optionsOfChosen,
  type ValuesOf,
  valuesOf,
} from "../../src/option-values.ts";
import type { Given, Options } from "../../src/options.ts";
import { adamw } from "./adamw.ts";
import { everyOptimizer, type Optimizer } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** Every optimizer, in the order of listings; the first is the default. */
export const optimizers = [adamw, sgd] as const;

type Known = (typeof optimizers)[number];

/** Returns an optimizer by its name. */
export type OptimizerName = Known["name"];

/** Hyper-parameters of all optimizers, named as in PyTorch. */
export type OptimizerOptions = ValuesOf<typeof everyOptimizer> & ChosenValues<Known>;

/** Declarations of the hyper-parameters of all optimizers. */
export const optimizerOptions: Options = {
  ...optionsOfChosen("optimizer", optimizers),
  ...everyOptimizer,
};

/** An optimizer and the values of its hyper-parameters. */
export interface ChosenOptimizer {
  readonly optimizer: Optimizer;
  /** Whether the momentum is an input of the update, as it changes from step to step. */
  readonly cycles?: boolean;
  readonly options: ValuesOf<typeof everyOptimizer> & Readonly<Record<string, unknown>>;
}

/** Returns an optimizer and its hyper-parameters, with defaults for those not given. */
export function optimizerOf(
  name: string = optimizers[0].name,
  given: Given<OptimizerOptions> = {},
): ChosenOptimizer {
  const optimizer: Optimizer = optimizers.find((candidate) => candidate.name === name)!;
  const { clip, ...values } = valuesOf(everyOptimizer, given);
  const norm = given.clip === undefined && values.clipValue === null ? 1 : clip;
  return { optimizer, options: { ...valuesOf(optimizer.options, given), ...values, clip: norm } };
}
