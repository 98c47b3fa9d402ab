import { number, orNull } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Writing } from "../../src/graph/builder.ts";
import type { Declared } from "../../src/options.ts";
import { filled, type Given } from "../../src/options.ts";

/** Options of all optimizers, named and set as PyTorch's. */
export interface OptimizerOptions {
  /** Coefficients of AdamW's running means of the gradient and of its square. */
  readonly betas: readonly [number, number];
  /** AdamW's ε beside the root of the second mean. */
  readonly eps: number;
  /** SGD's momentum. */
  readonly momentum: number;
  /** Decoupled from the gradient in AdamW, part of it in SGD. Factors (α, β, γ) have none. */
  readonly weightDecay: number;
  /** Largest norm of all gradients together; null for any. */
  readonly clip: number | null;
}

/** The options of optimizers, as they are checked. */
export const optimizerOptions: Declared<OptimizerOptions> = {
  betas: { type: "number", array: true },
  eps: number,
  momentum: number,
  weightDecay: number,
  clip: orNull(number),
};

export const optimizerDefaults: OptimizerOptions = {
  betas: [0.9, 0.999],
  eps: 1e-8,
  momentum: 0.9,
  weightDecay: 0.01,
  clip: 1,
};

/** All options of an optimizer. Throws an InputError where one is none. */
export function optimizerOptionsOf(given: Given<OptimizerOptions> | undefined): OptimizerOptions {
  const options = filled(optimizerDefaults, given);
  const { betas, eps, momentum, weightDecay, clip } = options;
  const refuse = (name: string, value: unknown, what: string) => {
    throw new InputError(`${name} ${value} is no ${what}.`);
  };
  for (const beta of betas) if (!(beta >= 0 && beta < 1)) refuse("beta", beta, "number in [0, 1)");
  if (!(eps > 0)) refuse("eps", eps, "positive number");
  if (!(momentum >= 0)) refuse("momentum", momentum, "number from 0 on");
  if (!(weightDecay >= 0)) refuse("weightDecay", weightDecay, "number from 0 on");
  if (clip !== null && !(clip > 0)) refuse("clip", clip, "positive number; null clips nothing");
  return options;
}

/** One tensor to be updated, its values by their names. */
export interface Updating {
  readonly writing: Writing;
  /** float or double, as gradient and state are. */
  readonly dtype: string;
  readonly weight: string;
  readonly gradient: string;
  /** By the names that the optimizer gives them. */
  readonly state: Readonly<Record<string, string>>;
  /** Learning rate, a scalar of the type. */
  readonly lr: string;
  /** Number of this step from 1, a scalar of the type. */
  readonly step: string;
  /** 0 for factors. */
  readonly weightDecay: number;
  readonly options: OptimizerOptions;
}

/** An optimizer by its name. */
export type OptimizerName = "adamw" | "sgd";

/** How a weight follows its gradient. */
export interface Optimizer {
  readonly name: OptimizerName;
  readonly about: string;
  /** Tensors of the weight's shape that it keeps from step to step; all start at zero. */
  readonly state: readonly string[];
  readonly write: (updating: Updating) => {
    readonly weight: string;
    readonly state: Readonly<Record<string, string>>;
  };
}
