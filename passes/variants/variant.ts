import type { Ops } from "../../src/graph/ops.ts";
import type { Feature } from "../residuals/residual.ts";

/** What a variant knows of a site. */
export interface Place {
  readonly name: string;
  readonly dtype: string;
  readonly rank: number;
  readonly feature: Feature;
}

/** Options of all variants, as the command line names them. */
export interface VariantOptions {
  /** Rank r of the low-rank maps; at most the feature size D. */
  readonly rank: number;
  /** How α and β are kept bounded. */
  readonly normalize: "softmax" | "sigmoid" | "none";
  /** How the down-projection A starts. */
  readonly init: "xavier" | "orthogonal";
  /** Seed of every random number. */
  readonly seed: number;
}

/** A new tensor of a site: its stored shape and its values at the start. */
export interface Parameter {
  readonly dims: readonly number[];
  readonly start: ArrayLike<number>;
}

/** The new tensors of a site by their role: "w", "A", "B". */
export type Parameters = Readonly<Record<string, Parameter>>;

/** A tensor in float64, folded to [outer, D, inner] about the feature axis. */
export interface Folded {
  readonly data: Float64Array;
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/**
 * One part of LAuReL. A site computes `y = α f + β (x + Σ addends)`; each part gives the factors
 * or an addend, as nodes and, independently, as plain float64.
 */
export interface Variant {
  readonly name: string;
  readonly about: string;
  readonly parameters: (place: Place, options: VariantOptions) => Parameters;
  /** The factors α and β, as nodes over the parameters. */
  readonly factors?: <V>(
    op: Ops<V>,
    parameters: Readonly<Record<string, V>>,
    options: VariantOptions,
    constants: (value: number, dtype?: string) => V,
  ) => { alpha: V; beta: V };
  /** An addend inside the bracket, as nodes. */
  readonly addend?: <V>(
    op: Ops<V>,
    x: V,
    parameters: Readonly<Record<string, V>>,
    place: Place,
  ) => V;
  /** The paper's formula for the factors. */
  readonly factorsFormula?: (
    parameters: Readonly<Record<string, Float64Array>>,
    options: VariantOptions,
  ) => { alpha: number; beta: number };
  /** The paper's formula for the addend; `magnitude` sums absolute values instead, for a bound. */
  readonly addendFormula?: (
    x: Folded,
    parameters: Readonly<Record<string, Float64Array>>,
    place: Place,
    magnitude: boolean,
  ) => Float64Array;
}
