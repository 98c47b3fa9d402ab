import { InputError } from "../../src/errors.ts";
import type { Step } from "./finetune-options.ts";
import type { TrainedTerm } from "./terms.ts";

/** A loss or gradient that is not finite; the last good weights are kept. */
export class DivergedError extends InputError {
  override name = "DivergedError";
  override readonly code = "diverged";
  override readonly exitCode = 1;
}

/** Throws a DivergedError if the loss or the gradient of a step is not finite. */
export function checkFinite(
  { loss, norm }: { readonly loss: number; readonly norm: number },
  step: number,
  batch: number,
  hint: string | null,
): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const advice =
    loss === Number.POSITIVE_INFINITY && hint
      ? hint
      : "lower --lr, or look for extreme values in the data";
  const what = Number.isFinite(loss) ? `gradient is ${norm}` : `loss is ${loss}`;
  throw new DivergedError(
    `the ${what} at step ${step}, batch ${batch}; the last weights that gave a finite loss are kept; ${advice}.`,
  );
}

/** Returns why no epoch has a finite loss: the end of a sentence, and what to do. */
export function withoutLoss(steps: readonly Step[], terms: readonly TrainedTerm[]): string {
  if (steps.some(({ examples }) => examples > 0))
    return "the loss is not finite after any epoch; lower --lr.";
  const { loss } = terms.find(({ chosen }) => chosen.loss.comparesRows)?.chosen ?? {};
  return loss
    ? `no batch has two rows of one label and another beside them, which ${loss.name} compares; make the batches larger, or look at the labels.`
    : "no example of any batch counts; look at the target.";
}
