import type { Writing } from "../../src/graph/builder.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Options } from "../../src/options.ts";

/** Options of every optimizer. */
export const everyOptimizer = {
  weightDecay: {
    type: "number",
    default: 0.01,
    range: { min: 0 },
    describe: "weight decay of A, B and further weights; α, β and γ have none",
  },
  clip: {
    type: "number",
    nullable: true,
    default: 1,
    range: { min: 0 },
    describe: "largest norm of all gradients together; 0 turns clipping off",
  },
} as const satisfies Options;

/** One tensor to be updated, its values by their names. */
export interface Updating<O extends Options = Options> {
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
  /** 0 for weights that do not decay. */
  readonly weightDecay: number;
  readonly options: ValuesOf<O>;
}

/** How a weight follows its gradient. */
export interface Optimizer<N extends string = string, O extends Options = Options> {
  readonly name: N;
  readonly about: string;
  /** Tensors of the weight's shape that it keeps from step to step; all start at zero. */
  readonly state: readonly string[];
  /** Its hyper-parameters, beside those of every optimizer. */
  readonly options: O;
  /** Writes one step: the new weight and the new state. */
  write(updating: Updating<O>): {
    readonly weight: string;
    readonly state: Readonly<Record<string, string>>;
  };
}

/** Declares an optimizer; its options give the types that `write` reads. */
export const optimizer = <const N extends string, const O extends Options>(
  declared: Optimizer<N, O>,
): Optimizer<N, O> => declared;
