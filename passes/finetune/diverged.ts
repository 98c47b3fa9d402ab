import { InputError } from "../../src/errors.ts";

/** A training that went out of bounds; the weights are the last good ones. */
export class DivergedError extends InputError {
  override name = "DivergedError";
  override readonly code = "diverged";
  override readonly exitCode = 1;
}

/** Throws a DivergedError where what a step came to is not finite. */
export function checkFinite(loss: number, norm: number, step: number, batch: number): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const what = Number.isFinite(loss) ? `gradient is ${norm}` : `loss is ${loss}`;
  throw new DivergedError(
    `the ${what} at step ${step}, batch ${batch}; the last weights that gave a finite loss are kept; lower --lr, or look for extreme values in the data.`,
  );
}
