import { checkArgument } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { suggestion } from "../../src/nearest.ts";
import { type ChosenValues, optionsOfChosen, valuesOf } from "../../src/option-values.ts";
import { type Given, isRecord, type Options } from "../../src/options.ts";
import { binaryCrossEntropy, binaryFocal } from "./binary.ts";
import { cosine } from "./cosine.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { ctc } from "./ctc.ts";
import { huber, l1, mse, smoothL1 } from "./differences.ts";
import { distillation } from "./distillation.ts";
import { focal } from "./focal.ts";
import { graphLoss } from "./graph-loss.ts";
import { infoNce } from "./info-nce.ts";
import type { ChosenLoss, Loss, ReadingOptions } from "./loss.ts";
import { modelOutput } from "./model-output.ts";
import { triplet } from "./triplet.ts";
import { lossNames } from "./written-terms.ts";

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
  ctc,
  triplet,
  infoNce,
  distillation,
  modelOutput,
] as const;

type Known = (typeof losses)[number];

/** Returns a loss by its name. */
export type LossName = Known["name"];

/** Hyper-parameters of all losses. */
export type LossOptions = ChosenValues<Known>;

/** Declarations of the hyper-parameters of all losses. */
export const lossOptions: Options = optionsOfChosen("loss", losses, lossNames);

const UNREAD: ReadingOptions = { classAxis: null, ignoreIndex: null, shift: null, values: null };

/** A loss by its name, or a graph of plain ONNX that computes one: a model with inputs `output` and `target`. */
export type LossGiven = LossName | Model;

/**
 * Returns a loss and its options, with defaults for those not given. Throws an InputError if there
 * is no loss of this name, if an option is out of range, or if a model is not a loss.
 */
export function lossOf(given: LossGiven, options: Given<LossOptions> = {}): ChosenLoss {
  const fits = typeof given === "string" || (isRecord(given) && "source" in given);
  checkArgument(
    "option loss",
    given,
    fits,
    "the name of a loss or an opened model that computes it",
  );
  const loss: Loss | undefined =
    typeof given === "string" ? losses.find(({ name }) => name === given) : graphLoss(given);
  if (!loss) throw new InputError(unknownLoss(String(given)));
  const values = { ...UNREAD, ...valuesOf(loss.options, options) };
  return { loss, options: values, reads: loss.reads(values) };
}

function unknownLoss(given: string): string {
  const names = losses.map(({ name }) => name);
  const choices = `choose ${names.join(", ")}, or give an .onnx file`;
  // "cross-entropy" for PyTorch's CrossEntropyLoss.
  const dashed = given.replace(/([a-z])(?=[A-Z])/g, "$1-").toLowerCase();
  const plain = dashed.replace(/[-_]?loss$/, "");
  return `there is no loss "${given}"; ${suggestion(plain, names, choices)}`;
}
