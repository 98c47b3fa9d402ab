import type { Factor } from "../factor.ts";
import type { At } from "../node-at.ts";

/** An input that is to be multiplied, and by what: a weight, or something that can take it in. */
export type ScaleRequest = readonly [input: number, by: Factor];

/** What a rule asks for: factors put into inputs, and attributes multiplied by numbers. */
export interface Change {
  readonly requests?: readonly ScaleRequest[];
  readonly attributes?: readonly {
    readonly name: string;
    readonly by: number;
    readonly otherwise: number;
  }[];
}

/** The factors of a node's outputs, and what has to change so that they have these. */
export interface Passed extends Change {
  /** Those behind the last have the factor 1. */
  readonly outputs: readonly Factor[];
  /** What holds if a request cannot be met. */
  readonly otherwise?: Passed;
}

/**
 * How a factor goes through an operator. A value with the factor s is held as v' where v = s v'.
 * Null, or no entry in the table, blocks it.
 */
export interface ScaleRule {
  /** From the factors of the inputs, which are positive, to those of the outputs. */
  readonly forward?: ((at: At, factors: readonly Factor[]) => Passed | null) | undefined;
  /** From a multiplier of the first output, of any sign, to ways of putting it into the inputs. */
  readonly backward?: ((at: At, by: Factor) => readonly Change[] | null) | undefined;
  /** Inputs that have to have one factor, which the output then has. Instead of `forward`. */
  readonly join?: (at: At) => readonly number[];
  /** A factor of the joined value on one of the inputs, their axes counted from the last; null if it does not fit. */
  readonly joined?: (at: At, input: number, factor: Factor) => Factor | null;
}

export type ScaleTable = Readonly<Record<string, ScaleRule>>;
