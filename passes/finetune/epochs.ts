import { InputError } from "../../src/errors.ts";
import type { Tensors } from "../../src/ort/session.ts";
import type { BatchSource } from "./batch-source.ts";
import { bestFigure, figureOf, isBetter } from "./best-figure.ts";
import { DivergedError } from "./diverged.ts";
import { type Evaluation, together } from "./evaluation.ts";
import type { Step } from "./finetune-options.ts";
import type { Epoch, EpochStep, Run, Stopped } from "./history.ts";
import type { Trainer } from "./trainer.ts";

/** What epochs are run with. */
export interface Loop {
  readonly trainer: Trainer;
  readonly train: BatchSource;
  readonly eval: BatchSource | null;
  readonly epochs: number;
  readonly patience: number | null;
  /** The figure that chooses the best epoch. */
  readonly best: string;
  readonly signal: AbortSignal | null;
  /** Called after each step and after each epoch. */
  readonly onStep: (step: EpochStep, weights: Tensors) => void;
  readonly onEpoch: (epoch: Epoch, weights: Tensors) => void;
  /** Keeps a checkpoint: after each epoch, and when one ends early. */
  readonly keep: () => void;
}

/**
 * Trains epoch by epoch and keeps the best weights. An epoch that ends early is evaluated too, but
 * not in the checkpoint: a resumed training continues after its last step, and gives the same
 * weights as an uninterrupted one.
 */
export async function runEpochs(loop: Loop, run: Run): Promise<void> {
  if (run.steps.length === 0) await evaluateBefore(loop, run);
  while (run.stopped === null) {
    run.stopped = endBefore(run.epochs.length + 1, loop, run);
    if (run.stopped === null) await runEpoch(loop, run);
  }
  if (!loop.eval && run.stopped !== "diverged") await checkLastStep(loop, run);
}

async function evaluateBefore({ trainer, eval: held, best }: Loop, run: Run): Promise<void> {
  if (!held) return;
  const { confusion: _, ...before } = await trainer.evaluate(held.batches());
  run.before = before;
  bestFigure(best, before);
  if (run.before.examples === 0)
    throw new InputError(
      `${held.name} has no label to evaluate, because all are the one to ignore (--ignore-index); give other data.`,
    );
  if (!Number.isFinite(run.before.loss))
    throw new InputError(
      `the loss on ${held.name} is ${run.before.loss} before the first step; check it for extreme values.`,
    );
}

/** Why a training stops before an epoch; null if it does not. */
function endBefore(epoch: number, { patience, epochs }: Loop, run: Run): Stopped | null {
  if (patience !== null && epoch - 1 - (run.best?.epoch ?? 0) >= patience) return "patience";
  return epoch > epochs ? "completed" : null;
}

async function runEpoch(loop: Loop, run: Run): Promise<void> {
  const { trainer, train, eval: held, keep, onEpoch, signal } = loop;
  const epoch = run.epochs.length + 1;
  const earlier = run.steps.findLastIndex((step) => step.epoch < epoch);
  const steps: Step[] = run.steps.slice(earlier + 1);
  const isAtEnd = await takeSteps(loop, run, epoch, steps);
  if (steps.length === 0) {
    if (run.stopped === null)
      throw new InputError(`${train.name} has no batch in epoch ${epoch}; give one.`);
    // The weights of the last epoch gave no finite loss, which only an evaluation would have shown.
    if (run.best?.epoch === epoch - 1 && !held)
      run.best = { ...run.best, weights: trainer.weights };
    keep();
    return;
  }
  const endsEarly = train.steps === null ? !isAtEnd : steps.length < train.steps;
  if (endsEarly) keep();
  const evaluated = held ? await trainer.evaluate(held.batches()) : null;
  const { confusion = null, ...evaluation } = evaluated ?? {};
  const mean = together(steps.map((step) => ({ ...step, rows: 0 })));
  const figures: Epoch = {
    epoch,
    step: trainer.step,
    train: { loss: mean.loss, metrics: mean.metrics },
    eval: evaluated && (evaluation as Evaluation),
  };
  run.epochs.push(figures);
  const { loss } = figures.eval ?? figures.train;
  const chosen = bestFigure(loop.best, run.before);
  const value = figureOf(chosen, figures);
  if (isBetter(chosen, value, run.best))
    run.best = { epoch, loss, value, confusion, weights: { ...trainer.weights } };
  if (!endsEarly) keep();
  onEpoch(figures, trainer.weights);
  if (run.stopped === null && signal?.aborted) run.stopped = "aborted";
}

/** Takes the steps of an epoch that are not taken yet. Returns whether all batches were taken. */
async function takeSteps(loop: Loop, run: Run, epoch: number, steps: Step[]): Promise<boolean> {
  const { trainer, train, signal, onStep } = loop;
  try {
    for await (const step of trainer.over(train.batches(epoch), steps.length)) {
      const figures = { epoch, ...step };
      steps.push(step);
      run.steps.push(figures);
      onStep(figures, trainer.weights);
      if (signal?.aborted) return false;
    }
    return true;
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    run.stopped = "diverged";
    run.error = error.message;
    return false;
  }
}

/** Checks the best weights on one batch if nothing has run on them since the last step. */
async function checkLastStep({ trainer, train }: Loop, run: Run): Promise<void> {
  if (run.best?.epoch !== run.epochs.length) return;
  const { loss, examples } = await trainer.evaluate([await train.first()]);
  if (Number.isFinite(loss) || examples === 0) return;
  trainer.stepBack();
  run.best = { ...run.best, weights: trainer.weights };
  run.stopped = "diverged";
  run.error = `the loss is ${loss} after step ${trainer.step}, the last; the weights from before it are kept; lower --lr, or look for extreme values in the data.`;
}
