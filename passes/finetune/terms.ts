import { InputError } from "../../src/errors.ts";
import { checkValues } from "../../src/option-values.ts";
import { checkOptions, type Given, type Options } from "../../src/options.ts";
import {
  lossOptions as declaredOptions,
  type LossGiven,
  type LossOptions,
  lossOf,
} from "../losses/index.ts";
import type { ChosenLoss } from "../losses/loss.ts";

/** One of several losses, of which the weighted sum is trained. */
export interface LossTerm {
  /** Loss function by its name, or a graph that computes it. */
  readonly loss: LossGiven;
  /** Output, or value inside, that it is computed on; the only output of floats by default. */
  readonly output?: string | undefined;
  /** The array of the targets by its name in a batch; of a distillation, the teacher's output. */
  readonly target?: string | undefined;
  /** Factor in the sum; 1 by default. */
  readonly weight?: number | undefined;
  /** Options of this loss alone, beside those of all. */
  readonly lossOptions?: Given<LossOptions> | undefined;
}

const termOptions = {
  loss: {},
  output: { type: "string" },
  target: { type: "string" },
  weight: { type: "number", range: {} },
  lossOptions: { type: "object" },
} as const satisfies Options;

/** A loss of a training, with the values of its options. */
export interface TrainedTerm {
  readonly given: LossGiven;
  readonly chosen: ChosenLoss;
  /** Null for the only output of floats. */
  readonly output: string | null;
  /** An array of the data, or the teacher's output; null if there is none, or for the default one. */
  readonly target: string | null;
  readonly weight: number;
  /** Arrays of the data that options of the loss name, by option. */
  readonly arrays: Readonly<Record<string, string>>;
}

/** What losses are taken from: one, or several. */
export interface TermsOf extends Omit<LossTerm, "loss" | "weight"> {
  readonly loss?: LossTerm["loss"] | undefined;
  readonly losses?: readonly LossTerm[] | undefined;
}

/** Returns the losses of a training. Throws an InputError if there are none, or one lacks a target. */
export function trainedTerms({
  loss,
  losses,
  output,
  target,
  lossOptions,
}: TermsOf): TrainedTerm[] {
  if ((loss === undefined) === (losses === undefined))
    throw new InputError(
      loss === undefined
        ? "there is no loss; give one as `loss`, or several as `losses`."
        : "`loss` and `losses` contradict each other; give one of them.",
    );
  const given: readonly LossTerm[] = losses ?? [{ loss: loss!, output, target }];
  if (given.length === 0) throw new InputError("`losses` is empty; give at least one loss.");
  for (const term of losses ?? []) {
    checkOptions("a loss of losses", term, termOptions);
    checkOptions("its lossOptions", term.lossOptions ?? {}, declaredOptions);
  }
  return given.map((term) => termOf(term, lossOptions));
}

function termOf(
  { loss, output = undefined, target = undefined, weight = 1, lossOptions }: LossTerm,
  common: Given<LossOptions> | undefined,
): TrainedTerm {
  checkValues({ weight }, { weight: termOptions.weight });
  const chosen = lossOf(loss, { ...common, ...lossOptions });
  const arrays = (chosen.loss.arrays ?? []).flatMap((option) => {
    const name = chosen.options[option];
    return typeof name === "string" ? [[option, name]] : [];
  });
  return {
    given: loss,
    chosen,
    output: output ?? null,
    target: isTargetless(chosen) ? null : (target ?? null),
    weight,
    arrays: Object.fromEntries(arrays),
  };
}

const isTargetless = ({ loss, options }: ChosenLoss) => loss.targetless?.(options) ?? false;

/** Throws an InputError unless each loss is given what it needs: a teacher, or a target. */
export function checkFollowed(terms: readonly TrainedTerm[], hasTeacher: boolean): void {
  const distils = terms.some(({ chosen }) => chosen.loss.distils);
  const names = terms.map(({ chosen }) => chosen.loss.name).join(", ");
  if (hasTeacher && !distils)
    throw new InputError(`loss ${names} does not use a teacher; use distillation.`);
  if (!hasTeacher && distils)
    throw new InputError("loss distillation needs a teacher: the original model.");
  for (const { chosen, target } of terms)
    if (!chosen.loss.distils && target === null && !isTargetless(chosen))
      throw new InputError(
        `loss ${chosen.loss.name} needs a target: name an array of the data with --target (target in the API)${outputsInstead(chosen)}.`,
      );
}

const outputsInstead = ({ loss: { others = [] } }: ChosenLoss) =>
  others.length === 0
    ? ""
    : `; or what takes its place, ${others.map((option) => `--${option}`).join(" and ")}, the ${others.length > 1 ? "names of other outputs" : "name of another output"}`;

/** Returns notes on losses that compare rows. Throws an InputError if a batch has one row. */
export function comparingNotes(
  terms: readonly TrainedTerm[],
  rows: number,
  accumulate: number,
): string[] {
  const names = terms.flatMap(({ chosen: { loss } }) => (loss.comparesRows ? [loss.name] : []));
  const [name] = names;
  if (name === undefined) return [];
  if (rows === 1)
    throw new InputError(
      `loss ${name} compares the rows of a batch, but the batches have one row; make them larger.`,
    );
  return accumulate > 1
    ? [
        `loss ${name} compares the rows of a batch: batches that are added up are not one larger batch to it.`,
      ]
    : [];
}

/** Returns how a report writes a loss: "logits=cross-entropy:labels*0.5". */
export function shownTerm({ chosen, output, target, weight }: TrainedTerm): string {
  const [before, after] = [output ? `${output}=` : "", target ? `:${target}` : ""];
  return `${before}${chosen.loss.name}${after}${weight === 1 ? "" : `*${weight}`}`;
}
