import type { Ops } from "../../src/graph/ops.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Options } from "../../src/options.ts";
import type { Feature } from "../residuals/residual.ts";

/** The site that a variant is built for. */
export interface SiteDescription {
  readonly name: string;
  readonly dtype: string;
  readonly rank: number;
  readonly feature: Feature;
  /** Number of available skip operands: x_i and those of earlier sites of the stream, at most k. */
  readonly lags: number;
}

/** Options of every variant. */
export const everyVariant = {
  seed: {
    type: "number",
    default: 0,
    range: { integer: true },
    describe: "seed of the new weights and of the random inputs",
  },
} as const satisfies Options;

/** The values of a part's options, and of those that every variant has. */
export type PartValues<O> = ValuesOf<O> & ValuesOf<typeof everyVariant>;

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

/** The input of a part's builder: the vocabulary, its parameters, and the site. */
export interface VariantBuilder<V, O = Options> {
  readonly op: Ops<V>;
  readonly parameters: Readonly<Record<string, V>>;
  readonly place: SiteDescription;
  readonly options: PartValues<O>;
  /** Creates a constant of one value, of the site's type by default, or returns an equal one. */
  readonly constant: (value: number, dtype?: string, dims?: readonly number[]) => V;
}

/** The input of a part's formula: its parameters in float64. */
export interface Stating<O = Options> {
  readonly parameters: Readonly<Record<string, Float64Array>>;
  readonly place: SiteDescription;
  readonly options: PartValues<O>;
  /** Sums absolute values instead, which gives the size of the terms for a rounding bound. */
  readonly magnitude: boolean;
}

/**
 * One part of LAuReL. A site computes `y = α f + β (x + Σ addends)`. Each part returns the factors
 * or addends as nodes and, independently, in plain float64.
 */
export interface Variant<N extends string = string, O extends Options = Options> {
  readonly name: N;
  /** Its options; an option that several parts declare is the same in all of them. */
  readonly options: O;
  /** Whether it also reads the skips of earlier sites of the stream, up to the option `lags`. */
  readonly lagged?: true;
  parameters(place: SiteDescription, options: PartValues<O>): Parameters;
  /** The factors α and β, as nodes over the parameters. */
  factors?<V>(builder: VariantBuilder<V, O>): { alpha: V; beta: V };
  /** Addends inside the bracket, as nodes over x_i, x_{i-1}, … */
  addends?<V>(builder: VariantBuilder<V, O>, x: readonly V[]): readonly V[];
  /** The paper's formula for the factors: one number each, or one per feature. */
  factorsFormula?(stating: Stating<O>): { alpha: Float64Array; beta: Float64Array };
  /** The paper's formula for the sum of the addends. */
  addendFormula?(stating: Stating<O>, x: readonly Folded[]): Float64Array;
}

/** Declares a part of LAuReL; its options give the types that its functions read. */
export const variant = <const N extends string, const O extends Options>(
  declared: Variant<N, O>,
): Variant<N, O> => declared;
