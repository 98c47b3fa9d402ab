import type { Builder } from "../../src/graph/builder.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Options } from "../../src/options.ts";

/** Options of every optimizer. */
export const everyOptimizer = {
  weightDecay: {
    type: "number",
    default: 0.01,
    range: { min: 0 },
    describe: "weight decay of A, B and other trained weights; α, β and γ do not decay",
  },
  clip: {
    type: "number",
    nullable: true,
    range: { min: 0 },
    describe:
      "maximum norm of all gradients together; 0 turns off clipping  [default: 1, or 0 with --clip-value]",
  },
  clipValue: {
    type: "number",
    nullable: true,
    range: { above: 0 },
    describe: "maximum size of each number of the gradients, after --clip",
  },
} as const satisfies Options;

interface Updating<O extends Options = Options> {
  readonly builder: Builder;
  /** float or double, like the gradient and the state. */
  readonly dtype: string;
  readonly weight: string;
  readonly gradient: string;
  /** The state, by the optimizer's names. */
  readonly state: Readonly<Record<string, string>>;
  /** Learning rate, a scalar of the type. */
  readonly lr: string;
  /** Number of this step from 1, a scalar of the type. */
  readonly step: string;
  /** The momentum in place of the option, a scalar of the type, if it changes from step to step. */
  readonly momentum: string | null;
  /** Weight decay; 0 for weights that do not decay. */
  readonly weightDecay: number;
  readonly options: ValuesOf<O>;
}

/** An optimizer: how a weight is updated from its gradient. */
export interface Optimizer<N extends string = string, O extends Options = Options> {
  readonly name: N;
  readonly about: string;
  /** Names of the state tensors, which have the weight's shape and start at zero. */
  readonly state: readonly string[];
  /** Its hyper-parameters, in addition to those of every optimizer. */
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
