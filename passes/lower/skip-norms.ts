/** An operator that adds a skip and norms the sum: norm(input + skip + bias). */
export interface SkipNorm {
  readonly norm: "layer" | "rms" | "group";
  /** Input slots of the two summands, of the bias and of the norm's scale. */
  readonly terms: readonly [number, number];
  readonly bias: number;
  readonly scale: number;
  /** Index of the output that is the sum. */
  readonly sum: number;
}

const TOKENS = { terms: [0, 1], scale: 2, sum: 3 } as const;

/**
 * Operators that norm a sum, in which residual connections are found, whose scale shows the feature
 * axis, and into which factors fold. A row is all that such an operator takes.
 */
export const SKIP_NORMS: Readonly<Record<string, SkipNorm>> = {
  "com.microsoft.SkipLayerNormalization": { norm: "layer", bias: 4, ...TOKENS },
  "com.microsoft.SkipSimplifiedLayerNormalization": { norm: "rms", bias: 3, ...TOKENS },
  "com.microsoft.SkipGroupNorm": { norm: "group", terms: [0, 3], bias: 4, scale: 1, sum: 1 },
};

/** Epsilon of a skip norm without the attribute. */
export const SKIP_EPSILON = 1e-12;

/** Returns the rows of layer and RMS norms, which have kernels on the CPU. */
export const tokenNorms = (): [op: string, SkipNorm][] =>
  Object.entries(SKIP_NORMS).filter(([, { norm }]) => norm !== "group");
