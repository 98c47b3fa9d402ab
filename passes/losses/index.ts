import { InputError } from "../../src/errors.ts";
import { type ChosenValues, optionsOfChosen, valuesOf } from "../../src/option-values.ts";
import type { Given, Options } from "../../src/options.ts";
import { binaryCrossEntropy } from "./binary-cross-entropy.ts";
import { binaryFocal } from "./binary-focal.ts";
import { cosine } from "./cosine.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { distillation } from "./distillation.ts";
import { focal } from "./focal.ts";
import { huber } from "./huber.ts";
import { l1 } from "./l1.ts";
import type { ChosenLoss, Loss, ReadingOptions } from "./loss.ts";
import { mse } from "./mse.ts";
import { smoothL1 } from "./smooth-l1.ts";

/** Every loss, in the order of listings. */
export const losses = [
  crossEntropy,
  focal,
  binaryCrossEntropy,
  binaryFocal,
  mse,
  l1,
  huber,
  smoothL1,
  cosine,
  distillation,
] as const;

type Known = (typeof losses)[number];

/** Returns a loss by its name. */
export type LossName = Known["name"];

/** Hyper-parameters of all losses. */
export type LossOptions = ChosenValues<Known>;

/** Declarations of the hyper-parameters of all losses. */
export const lossOptions: Options = optionsOfChosen("loss", losses);

const UNREAD: ReadingOptions = { classAxis: null, ignoreIndex: null, shift: null, values: null };

/**
 * Returns a loss and its options, with defaults for those not given. Throws an InputError if there
 * is no loss of this name, or if an option is out of range.
 */
export function lossOf(name: string, given: Given<LossOptions> = {}): ChosenLoss {
  const loss: Loss | undefined = losses.find((each) => each.name === name);
  if (!loss)
    throw new InputError(
      `there is no loss "${name}"; choose ${losses.map((each) => each.name).join(", ")}.`,
    );
  const options = { ...UNREAD, ...valuesOf(loss.options, given) };
  return { loss, options, reads: loss.reads(options) };
}
