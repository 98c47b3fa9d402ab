import { InputError } from "../../src/errors.ts";
import { sourceOf } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { checkpointBytes, loadCheckpoint } from "./checkpoint.ts";
import { type Best, newRun, type Run } from "./history.ts";
import { checkSame, type Settings } from "./settings.ts";
import type { Trainer } from "./trainer.ts";

/** What a run's checkpoint notes beside its weights. */
type Note = Pick<Run, "steps" | "epochs" | "before"> & {
  readonly settings: Settings;
  readonly best: Omit<Best, "weights"> | null;
};

/** Returns the bytes of a checkpoint from which a run can be resumed; null before the first step. */
export function bytesOfRun(trainer: Trainer, run: Run, settings: Settings): Uint8Array | null {
  if (trainer.step === 0) return null;
  const { steps, epochs, before, best } = run;
  const which = best && withoutWeights(best);
  const note: Note = { settings, steps, epochs, before, best: which };
  return checkpointBytes(trainer, { best: best?.weights ?? {}, note });
}

const withoutWeights = ({ weights: _, ...figures }: Best) => figures;

interface Resumed {
  readonly from: string | Uint8Array | Blob;
  readonly ort: Ort;
  /** Whether free settings may differ. */
  readonly forced: boolean;
}

/**
 * Brings a trainer to a checkpoint and returns its run. Throws an InputError if it is not a
 * checkpoint, or is one of a run with other settings.
 */
export async function resumeRun(
  trainer: Trainer,
  settings: Settings,
  { from, ort, forced }: Resumed,
): Promise<{ readonly run: Run; readonly bytes: Uint8Array }> {
  const name = typeof from === "string" ? from : "the checkpoint";
  const source = await sourceOf(from, name, ".safetensors");
  const bytes = source.read(0, source.size).slice();
  source.close?.();
  let otherOrder = false;
  const check = (note: unknown) => {
    const noted = note as Partial<Note> | null;
    if (!Array.isArray(noted?.steps) || !Array.isArray(noted.epochs) || !noted.settings?.firm)
      throw new InputError(
        `${name} is not a checkpoint that this version of laurelize has written; leave out --resume.`,
      );
    ({ otherOrder } = checkSame(noted.settings, settings, { name, forced }));
  };
  const { best, note } = loadCheckpoint(trainer, bytes, { ort, name, check });
  const { steps, epochs, before, best: which } = note as Note;
  // An epoch that ended early continues after its last batch; in another order it starts again.
  const kept = otherOrder ? steps.filter(({ epoch }) => epoch <= epochs.length) : steps;
  const run = { ...newRun(), steps: [...kept], epochs: [...epochs], before };
  return { run: { ...run, best: which && { ...which, weights: best } }, bytes };
}
