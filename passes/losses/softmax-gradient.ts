import type { GradientStart } from "./loss.ts";

/** A softmax of scores in parts, and the labels. */
export interface Softmax {
  readonly scores: string;
  /** exp of the scores less the largest of them. */
  readonly exponents: string;
  /** The sum of the exponents; the class axis has size 1. */
  readonly sum: string;
  /** The labels as indices along the axis. */
  readonly labels: string;
  readonly axis: number;
}

/** A gradient by scores that is a weighted softmax, less a weight at the label. */
export interface SoftmaxGradient extends Softmax {
  /** The factor of the softmax at each position; the class axis has size 1. */
  readonly factor: string;
  /** What is subtracted at the label; the class axis has size 1. */
  readonly atLabel: string;
  /** What is subtracted from every class; null for nothing. */
  readonly spread: string | null;
}

/**
 * Returns the gradient of a softmax cross-entropy by its scores, written directly, because the
 * gradients of its parts take several times the memory of the scores.
 */
export const softmaxGradient = (parts: SoftmaxGradient): GradientStart => ({
  scores: parts.scores,
  write({ op }) {
    const { exponents, sum, labels, axis, factor, atLabel, spread } = parts;
    const shares = op.Mul(exponents, op.Div(factor, sum));
    const own = op.Sub(op.GatherElements(shares, labels, { axis }), atLabel);
    const gradient = op.ScatterElements(shares, labels, own, { axis });
    return spread === null ? gradient : op.Sub(gradient, spread);
  },
});
