import type { Ops } from "../../src/graph/ops.ts";
import type { Feature } from "../residuals/residual.ts";

/** What a variant knows of a site. */
export interface SiteDescription {
  readonly name: string;
  readonly dtype: string;
  readonly rank: number;
  readonly feature: Feature;
  /** Skip operands at hand: x_i and those of earlier sites of the stream, at most k. */
  readonly lags: number;
}

/** Options of all variants, as the command line names them. */
export interface VariantOptions {
  /** Rank r of the low-rank maps; at most the feature size D. */
  readonly rank: number;
  /** How α and β are kept bounded. */
  readonly normalize: "softmax" | "sigmoid" | "none";
  /** One α and β for each feature instead of one for the site. */
  readonly perChannel: boolean;
  /** How the down-projection A starts. */
  readonly init: "xavier" | "orthogonal";
  /** k: how many skip operands PA sums, x_i the first. */
  readonly lags: number;
  /** The map h of PA: low-rank where `lr` is part of the variant, else identity. */
  readonly paMap: "low-rank" | "identity";
  /** One pair A, B for all lags of a site. */
  readonly shareLags: boolean;
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

/** Makes, or finds again, a constant of the site's type or another: a scalar, or filled with one value. */
export type VariantConstant<V> = (value: number, dtype?: string, dims?: readonly number[]) => V;

/** What a part builds with: the vocabulary, its parameters, and where it is. */
export interface Building<V> {
  readonly op: Ops<V>;
  readonly parameters: Readonly<Record<string, V>>;
  readonly place: SiteDescription;
  readonly options: VariantOptions;
  readonly constant: VariantConstant<V>;
}

/** What a part states its formula over: its parameters in float64. */
export interface Stating {
  readonly parameters: Readonly<Record<string, Float64Array>>;
  readonly place: SiteDescription;
  readonly options: VariantOptions;
  /** Sum absolute values instead: the size of the terms, for a rounding bound. */
  readonly magnitude: boolean;
}

/**
 * One part of LAuReL. A site computes `y = α f + β (x + Σ addends)`; each part gives the factors
 * or addends, as nodes and, independently, as plain float64.
 */
export interface Variant {
  readonly name: string;
  readonly about: string;
  readonly parameters: (place: SiteDescription, options: VariantOptions) => Parameters;
  /** The factors α and β, as nodes over the parameters. */
  readonly factors?: <V>(building: Building<V>) => { alpha: V; beta: V };
  /** Addends inside the bracket, as nodes over x_i, x_{i-1}, … */
  readonly addends?: <V>(building: Building<V>, x: readonly V[]) => readonly V[];
  /** The paper's formula for the factors: one number each, or one for each feature. */
  readonly factorsFormula?: (stating: Stating) => { alpha: Float64Array; beta: Float64Array };
  /** The paper's formula for the sum of the addends. */
  readonly addendFormula?: (stating: Stating, x: readonly Folded[]) => Float64Array;
}
