import type { Given, Options } from "../../src/options.ts";
import type { LossGiven, LossOptions } from "../losses/index.ts";

/** One of several losses, of which the weighted sum is trained. */
export interface LossTerm {
  /** Loss function by its name, or a graph that computes it. */
  readonly loss: LossGiven;
  /** Output, or value inside, that it is computed on; the only output of floats by default. */
  readonly output?: string | undefined;
  /** The array of the targets by its name in a batch; of a distillation, the teacher's output. */
  readonly target?: string | undefined;
  /** Factor in the sum; 1 by default. */
  readonly weight?: number | undefined;
  /** Options of this loss alone, beside those of all. */
  readonly lossOptions?: Given<LossOptions> | undefined;
}

/** The options of a loss term, as they are checked. */
export const termOptions = {
  loss: {},
  output: { type: "string" },
  target: { type: "string" },
  weight: { type: "number", range: {} },
  lossOptions: { type: "object" },
} as const satisfies Options;
