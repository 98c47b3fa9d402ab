import fs from "node:fs";
import {
  type Finetuning,
  InputError,
  resumeTraining,
  saveBytes,
  stateBytes,
} from "../src/index.ts";
import { ort } from "./runtime.ts";
import { checkSame, type Settings } from "./settings.ts";
import type { History } from "./training.ts";

type Noted = Pick<History, "steps" | "epochs" | "before"> & {
  readonly settings: Settings;
  readonly best: { readonly epoch: number; readonly loss: number } | null;
};

/** The history of a training that has not begun. */
export const fresh = (): History => ({
  steps: [],
  epochs: [],
  before: null,
  best: null,
  ended: "done",
  error: null,
});

/** Writes the state, from which a run can be resumed: it appears whole, in place of the last. */
export function keepState(
  tuning: Finetuning,
  { steps, epochs, before, best }: History,
  settings: Settings,
  file: string,
): void {
  if (tuning.step === 0) return;
  const which = best && { epoch: best.epoch, loss: best.loss };
  const note: Noted = { settings, steps, epochs, before, best: which };
  saveBytes(stateBytes(tuning, { best: best?.weights ?? {}, note }), file);
}

/**
 * The history that a state file tells, the training being brought to its end. Throws an InputError
 * where there is no state, or one of another run than these settings make; `meant` lets the
 * settings differ that may.
 */
export function resumed(
  tuning: Finetuning,
  settings: Settings,
  { file, meant }: { readonly file: string; readonly meant: boolean },
): History {
  if (!fs.existsSync(file))
    throw new InputError(`there is no ${file} to resume from; leave --resume out.`);
  let otherOrder = false;
  const check = (note: unknown) => {
    const noted = note as Partial<Noted> | null;
    if (!Array.isArray(noted?.steps) || !Array.isArray(noted.epochs) || !noted.settings?.firm)
      throw new InputError(
        `${file} is no state that this version of laurelize has written; leave --resume out.`,
      );
    ({ otherOrder } = checkSame(noted.settings, settings, { name: file, meant }));
  };
  const { best, note } = resumeTraining(tuning, fs.readFileSync(file), { ort, name: file, check });
  const { steps, epochs, before, best: which } = note as Noted;
  // An epoch that ended early goes on behind its last batch; in another order it begins anew.
  const kept = otherOrder ? steps.filter(({ epoch }) => epoch <= epochs.length) : steps;
  return {
    ...fresh(),
    steps: kept,
    epochs,
    before,
    best: which && { ...which, weights: best },
  };
}
