import type { Builder } from "../../src/graph/builder.ts";
import type { GradientStart } from "./loss.ts";

/** A gradient by scores that is a weighted softmax, less a weight at the label. */
export interface SoftmaxGradient {
  readonly scores: string;
  /** ln Σ exp of the scores; the class axis has size 1. */
  readonly logSum: string;
  /** The labels as indices along the axis. */
  readonly labels: string;
  readonly axis: number;
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
  write: (builder) => written(builder, parts),
});

function written(
  { op }: Builder,
  { scores, logSum, labels, axis, factor, atLabel, spread }: SoftmaxGradient,
): string {
  const shares = op.Mul(op.Exp(op.Sub(scores, logSum)), factor);
  const own = op.Sub(op.GatherElements(shares, labels, { axis }), atLabel);
  const gradient = op.ScatterElements(shares, labels, own, { axis });
  return spread === null ? gradient : op.Sub(gradient, spread);
}
