/** Why something of a site could not be taken out, by code: the start of a clause about it. */
const REASONS = {
  "half-precision": "half-precision weights are too coarse to take a factor",
  "not-positive": "β is not positive, so it cannot be moved past a nonlinearity",
  "branch-read-elsewhere": "the branch has other readers too",
  nonlinear: "the branch ends in an operator that cannot take a factor",
  blocked: "a reader of the stream blocks the factor",
  rounding: "folding more would add rounding errors above the model's own noise",
  output: "the stream is an output of the model",
  range: "the product of the factors leaves the range of the type",
  "token-search": "it is inside the decoder of a token search",
  "rank-needed": "a low-rank map cannot be merged into a nonlinear branch",
  lags: "earlier skips are added",
} as const;

/** The code of a reason why a part of a site is kept or folded. */
export type FoldCode = keyof typeof REASONS;

/** Why something stays: a code for programs, and a clause for people. */
export interface Why {
  readonly code: FoldCode;
  readonly text: string;
}

/** Returns a reason, with the operator that it is about. */
export const why = (code: FoldCode, op?: string): Why => ({
  code,
  text: op ? `${REASONS[code]} (${op})` : REASONS[code],
});
