import {
  batches,
  type Dataset,
  DivergedError,
  type Evaluation,
  type Finetuning,
  InputError,
  type Ort,
  type Step,
  type Tensors,
  together,
} from "../src/index.ts";

/** What an epoch came to. */
export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  readonly step: number;
  /** Means over everything that was judged in the epoch's steps. */
  readonly train: { readonly loss: number; readonly metrics: Readonly<Record<string, number>> };
  readonly eval: Evaluation | null;
}

/** Everything that a training came to so far. */
export interface History {
  readonly steps: (Step & { readonly epoch: number })[];
  readonly epochs: Epoch[];
  /** Before the first step. */
  before: Evaluation | null;
  best: { readonly epoch: number; readonly loss: number; readonly weights: Tensors } | null;
  /** Why it ended. */
  ended: "done" | "patience" | "interrupted" | "diverged";
  /** What went wrong, where something did. */
  error: string | null;
}

/** How the data is gone through. */
export interface Course {
  readonly ort: Ort;
  readonly train: Dataset;
  readonly eval: Dataset | null;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly patience: number | null;
  /** Whether to end after the step at hand. */
  readonly stopped: () => boolean;
  /** Called after each step and each epoch. */
  readonly onStep: (step: Step, epoch: number, of: number) => void;
  readonly onEpoch: (epoch: Epoch) => void;
  /** Keeps the state to resume from: after each epoch, and where one ends early. */
  readonly keep: () => void;
}

/** Steps of one epoch: a last, smaller batch is one too, unless the model fixes the batch size. */
export const stepsOf = ({ rows, batchSize: fixed }: Dataset, batchSize: number) =>
  fixed === null ? Math.ceil(rows / batchSize) : Math.max(1, Math.floor(rows / batchSize));

/**
 * Trains epoch by epoch, keeping the best weights: by the evaluation, or else the training loss.
 * An epoch that ends early is judged too, but not in the state that is kept: resumed, it goes on
 * from its last step, and comes to what it would have come to in one run.
 */
export async function train(
  tuning: Finetuning,
  course: Course,
  history: History,
): Promise<History> {
  const { ort, train: dataset, batchSize, seed, patience } = course;
  const size = Math.min(batchSize, dataset.rows);
  const evaluate = () =>
    course.eval ? tuning.evaluate(batches(course.eval, { ort, batchSize })) : null;
  if (history.steps.length === 0) history.before = await evaluate();
  if (history.before?.judged === 0)
    throw new InputError(
      `no label of ${course.eval!.name} counts: all are the one to be ignored (--ignore-index).`,
    );
  if (history.before && !Number.isFinite(history.before.loss))
    throw new InputError(
      `the loss on ${course.eval!.name} is ${history.before.loss} before the first step; look for extreme values in it.`,
    );
  while (history.ended === "done") {
    const epoch = history.epochs.length + 1;
    if (patience !== null && epoch - 1 - (history.best?.epoch ?? 0) >= patience) {
      history.ended = "patience";
      break;
    }
    if (epoch > course.epochs) break;
    const earlier = history.steps.findLastIndex((step) => step.epoch < epoch);
    const own: Step[] = history.steps.slice(earlier + 1);
    const order = { ort, batchSize: size, shuffle: seed, epoch };
    try {
      for await (const step of tuning.over(batches(dataset, order), own.length)) {
        own.push(step);
        history.steps.push({ epoch, ...step });
        course.onStep(step, epoch, stepsOf(dataset, size));
        if (course.stopped()) break;
      }
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      history.ended = "diverged";
      history.error = error.message;
    }
    if (own.length === 0) {
      // The weights of the epoch before gave no finite loss; without --eval nothing had told yet.
      if (history.best?.epoch === epoch - 1 && !course.eval)
        history.best = { ...history.best, weights: tuning.weights };
      course.keep();
      break;
    }
    const early = own.length < stepsOf(dataset, size);
    if (early) course.keep();
    const done: Epoch = { epoch, step: tuning.step, train: meanOf(own), eval: await evaluate() };
    history.epochs.push(done);
    const { loss } = done.eval ?? done.train;
    if (loss < (history.best?.loss ?? Number.POSITIVE_INFINITY))
      history.best = { epoch, loss, weights: { ...tuning.weights } };
    if (!early) course.keep();
    course.onEpoch(done);
    if (history.ended === "done" && course.stopped()) history.ended = "interrupted";
  }
  if (!course.eval && history.ended !== "diverged") await judgeLast(tuning, course, history);
  return history;
}

/** Where no epoch after it has run on the best weights, and nothing else has: one batch tells. */
async function judgeLast(tuning: Finetuning, { ort, train, batchSize }: Course, history: History) {
  if (history.best?.epoch !== history.epochs.length) return;
  const size = Math.min(batchSize, train.rows);
  const [batch] = batches(train, { ort, batchSize: size, dropLast: true });
  const { loss, judged } = await tuning.evaluate([batch]);
  if (Number.isFinite(loss) || judged === 0) return;
  tuning.stepBack();
  history.best = { ...history.best, weights: tuning.weights };
  history.ended = "diverged";
  history.error = `the loss is ${loss} after step ${tuning.step}, the last; the weights from before it are kept; lower --lr, or look for extreme values in the data.`;
}

/** Means over everything that was judged in some steps. */
function meanOf(steps: readonly Step[]): Epoch["train"] {
  const { loss, metrics } = together(steps.map((step) => ({ ...step, rows: 0 })));
  return { loss, metrics };
}
