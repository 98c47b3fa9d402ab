import { callback, checkArgument, checkGiven, text, withOrt } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { sourceOf } from "../../src/model.ts";
import { jsonIn } from "../../src/onnx/bytes.ts";
import { closing, contentOf } from "../../src/onnx/source.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { type Best, newRun, type Run } from "./history.ts";
import { checkSame, type Settings } from "./settings.ts";
import { readTensors, writeTensors } from "./tensor-bytes.ts";
import { Trainer } from "./trainer.ts";

const GROUPS = ["weights", "state", "best"] as const;
const STEP = "step";
const NOTE = "note";

/** What a checkpoint holds beside a trainer's weights, optimizer state and step. */
export interface Checkpoint {
  /** The best weights so far. */
  readonly best: Tensors;
  /** Anything that JSON can express. */
  readonly note: unknown;
}

/** Returns a trainer's state as the bytes of a .safetensors file, from which it can be resumed. */
export function checkpointBytes(trainer: Trainer, checkpoint: Checkpoint): Uint8Array {
  checkTrainer("checkpointBytes", trainer);
  const fits = typeof checkpoint?.best === "object" && "note" in checkpoint;
  checkArgument("checkpointBytes", checkpoint, fits, "a checkpoint, { best, note }");
  const { best, note } = checkpoint;
  const groups = { weights: trainer.weights, state: trainer.state, best };
  const tensors = GROUPS.flatMap((group) =>
    Object.entries(groups[group]).map(([name, tensor]) => [`${group}/${name}`, tensor] as const),
  );
  // Not in the header, which may be at most 100 MB long.
  const text = new TextEncoder().encode(JSON.stringify(note));
  const contents = { ...Object.fromEntries(tensors), [NOTE]: text };
  return writeTensors(contents, new Map([[STEP, String(trainer.step)]]));
}

const checkTrainer = (of: string, trainer: unknown): void =>
  checkArgument(of, trainer, trainer instanceof Trainer, "a trainer, finetune(model, { ort, … })");

interface Loading {
  readonly ort: Ort;
  /** The name that errors use. */
  readonly name: string;
  /** Checks the note before anything is loaded, and throws if the checkpoint must not be used. */
  readonly check?: (note: unknown) => void;
}

/**
 * Restores a trainer's state from a checkpoint. Throws an InputError if the bytes are not a
 * checkpoint, or if it is one of other weights.
 */
export function loadCheckpoint(trainer: Trainer, bytes: Uint8Array, loading: Loading): Checkpoint {
  checkTrainer("loadCheckpoint", trainer);
  const isBytes = bytes instanceof Uint8Array;
  checkArgument("loadCheckpoint", bytes, isBytes, "the bytes of a checkpoint");
  checkGiven("loadCheckpoint", loading, { ...withOrt, name: text, check: callback });
  const { ort, name, check = () => {} } = loading;
  const { tensors, metadata } = readTensors(ort, bytes, name);
  const step = Number(metadata.get(STEP));
  const misfit = (why: string) =>
    new InputError(`${name} is not a checkpoint of this training (${why}); leave out --resume.`);
  if (!Number.isSafeInteger(step) || step < 1) throw misfit("it names no step");
  const note = NOTE in tensors ? jsonIn(tensors[NOTE].data as Uint8Array) : null;
  if (note === null) throw misfit("its note cannot be read");
  check(note);
  const group = (of: (typeof GROUPS)[number]) =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([key]) => key.startsWith(`${of}/`))
        .map(([key, tensor]) => [key.slice(of.length + 1), tensor]),
    );
  const weights = group("weights");
  const why = otherWeights(trainer.weights, weights);
  if (why) throw misfit(why);
  trainer.resume(weights, group("state"), step);
  return { best: group("best"), note };
}

/** Why weights are not those of a trainer, a clause; null if they are. */
function otherWeights(wanted: Tensors, saved: Tensors): string | null {
  for (const [name, tensor] of Object.entries(wanted)) {
    const read = saved[name];
    if (!read) return `it has no ${name}`;
    if (read.type !== tensor.type || read.dims.join() !== tensor.dims.join())
      return `${name} is of another type or shape`;
  }
  const isMore = Object.keys(saved).length !== Object.keys(wanted).length;
  return isMore ? "it has other weights too" : null;
}

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

/** Restores a run. Throws an InputError if it is not a checkpoint, or has other settings. */
export async function resumeRun(
  trainer: Trainer,
  settings: Settings,
  { from, ort, forced }: Resumed,
): Promise<{ readonly run: Run; readonly bytes: Uint8Array }> {
  const name = typeof from === "string" ? from : "the checkpoint";
  const source = await sourceOf(from, name, ".safetensors");
  const bytes = closing(source, contentOf).slice();
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
