import type { LaurelWeights } from "../ladder/laurel-weights.ts";

/** The LAuReL weights of a site in a few numbers; null for what its variant does not have. */
export interface SiteFigures {
  /** Effective factors of branch and skip; the mean, if there is one for each feature. */
  readonly alpha: number | null;
  readonly beta: number | null;
  /** Weights of the lags, the site's own skip first. */
  readonly gamma: readonly number[] | null;
  /** Frobenius norms ‖AB‖, one for each lag. */
  readonly norms: readonly number[] | null;
}

/** Returns the figures of one insertion at a site. */
export function siteFigures({ alpha, beta, lags }: LaurelWeights): SiteFigures {
  const some = (values: readonly (number | null)[]) =>
    values.length > 0 && values.every((value) => value !== null)
      ? (values as readonly number[])
      : null;
  return {
    alpha: alpha?.mean ?? null,
    beta: beta?.mean ?? null,
    gamma: some(lags.map(({ gamma }) => gamma)),
    norms: some(lags.map(({ norm }) => norm)),
  };
}

/** Returns a site's figures for people: "α 1.02, β 0.98, γ 0.1 0, ‖AB‖ 0.31". */
export function figuresText(weights: readonly LaurelWeights[]): string {
  const one = (insertion: LaurelWeights) => {
    const { alpha, beta, gamma, norms } = siteFigures(insertion);
    return Object.entries({ α: alpha, β: beta, γ: gamma, "‖AB‖": norms })
      .flatMap(([name, values]) =>
        values === null ? [] : `${name} ${[values].flat().map(brief).join(" ")}`,
      )
      .join(", ");
  };
  return weights.map(one).join("; ");
}

/** Returns a number with three significant digits. */
export const brief = (value: number): string => String(Number(value.toPrecision(3)));
