import type { Writing } from "../../src/graph/writing.ts";

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

export const optimizerDefaults: OptimizerOptions = {
  betas: [0.9, 0.999],
  eps: 1e-8,
  momentum: 0.9,
  weightDecay: 0.01,
  clip: 1,
};

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

/** How a weight follows its gradient. */
export interface Optimizer {
  readonly name: string;
  readonly about: string;
  /** Tensors of the weight's shape that it keeps from step to step; all start at zero. */
  readonly state: readonly string[];
  readonly write: (updating: Updating) => {
    readonly weight: string;
    readonly state: Readonly<Record<string, string>>;
  };
}
