import {
  adapterBytes,
  batches,
  type Epoch,
  type EpochStep,
  type FitOptions,
  type FitResult,
  type FoundResiduals,
  fit,
  type Model,
  openDataset,
  type Tensors,
  tunedModel,
} from "../../src/index.ts";
import { answersOf, batchSamples, type SampleSet } from "./answers.ts";
import { ladderDrawing } from "./drawings.ts";
import type { Download, Examples, Reporting, TuningChoice } from "./messages.ts";
import { stem } from "./proof-result.ts";
import { pageRuntime as ort } from "./runtime.ts";
import { batchOf, inkOf, stripExamples } from "./strip-batches.ts";

/** What a training reports to, and what ends it. */
interface Watched {
  readonly found: FoundResiduals;
  readonly report: Reporting;
  readonly signal: AbortSignal;
}

/** What to train on, and samples to show answers for. */
interface Prepared {
  readonly options: Pick<FitOptions, "data" | "eval" | "loss" | "target"> & Partial<FitOptions>;
  readonly samples: SampleSet;
}

/** Number of drawings of the ladder while a training runs. */
const DRAWINGS = 20;

/** Fine-tunes a laurelized model, and reports loss, ladder and answers while it runs. */
export async function tuned(model: Model, tuning: TuningChoice, watched: Watched) {
  const { report, signal, found } = watched;
  report({ progress: 0, step: "preparing the examples" });
  const { options, samples } = await prepared(model, tuning);
  report({ answers: { when: "before", samples: await answersOf(model, samples) } });
  const notes: string[] = [];
  const { epochs, lr } = tuning;
  const result = await fit(model, {
    ...options,
    ...reporting(model, watched, { ...options, epochs }),
    ort,
    epochs,
    lr,
    signal,
    onNote: (note) => notes.push(note),
  });
  const { before } = result.history;
  if (before) report({ evaluated: 0, loss: before.loss });
  report({ answers: { when: "after", samples: await answersOf(result.model, samples) } });
  return { ...tunedResult(model, result), notes, ladder: ladderDrawing(found, result.model) };
}

/** A fine-tuned model. */
export type Tuned = Awaited<ReturnType<typeof tuned>>;

/** Calls of fit that report to the page. */
function reporting(
  model: Model,
  { found, report }: Watched,
  { epochs, scheduleSteps }: Pick<TuningChoice, "epochs"> & Pick<FitOptions, "scheduleSteps">,
) {
  let of: number | null = null;
  return {
    onStart: ({ stepsPerEpoch }: { readonly stepsPerEpoch: number | null }) => {
      of = scheduleSteps ?? ((stepsPerEpoch ?? 0) * epochs || null);
    },
    onStep: ({ step, loss }: EpochStep, weights: Tensors) => {
      report({ step, loss, of });
      if (step % Math.ceil((of ?? DRAWINGS) / DRAWINGS) === 0)
        report({ ladder: ladderDrawing(found, tunedModel(model, weights)) });
    },
    onEpoch: ({ step, eval: held }: Epoch) => {
      if (held) report({ evaluated: step, loss: held.loss });
    },
  };
}

async function prepared(model: Model, { examples, epochs }: TuningChoice): Promise<Prepared> {
  if (examples.from === "npz") return preparedData(model, examples);
  const { train, held, steps, shown } = await stripExamples(examples);
  const classes = ["upright", "upside down"];
  const label = (k: number) => Number(shown.labels[k]);
  return {
    options: {
      data: train,
      eval: held,
      loss: "cross-entropy",
      target: "labels",
      schedule: "cosine",
      scheduleSteps: steps * epochs,
    },
    samples: {
      feeds: batchOf(shown),
      count: shown.count,
      expected: (k) => ({ text: classes[label(k)], label: label(k) }),
      ink: (k) => inkOf(shown, k),
      classes,
    },
  };
}

/** Examples in the rows that the page shows answers for. */
const SHOWN = 8;

async function preparedData(
  model: Model,
  { train, held, loss, target, batchSize }: Extract<Examples, { from: "npz" }>,
): Promise<Prepared> {
  const targets = target === undefined ? [] : [target];
  const data = await openDataset(train, model, { targets });
  const shown = held ? await openDataset(held, model, { targets }) : data;
  const size = shown.batchSize ?? Math.min(SHOWN, shown.rows);
  const [batch] = batches(shown, { ort, batchSize: size });
  const options = { data, loss, target, batchSize: batchSize ?? null };
  return {
    options: held ? { ...options, eval: shown } : options,
    samples: batchSamples(batch, target),
  };
}

function tunedResult({ source }: Model, result: FitResult) {
  const { model, adapter, advice, error } = result;
  const name = stem(source.name).replace(/\.laurel$/, "");
  const file = (ending: string, bytes: Uint8Array): Download => ({
    name: `${name}.tuned.${ending}`,
    bytes: bytes as Uint8Array<ArrayBuffer>,
  });
  return {
    summary: [summaryOf(result), error, advice].filter(Boolean).join(" "),
    model: file("onnx", model.toBytes()),
    adapter: file("safetensors", adapterBytes(adapter)),
  };
}

/** "Loss 0.62 before, 0.05 after epoch 3, the best; accuracy 74.0 % before, 98.0 % after." */
function summaryOf({ history, best, stopped }: FitResult): string {
  const { before, epochs } = history;
  const after = epochs.find(({ epoch }) => epoch === best.epoch)?.eval;
  const loss = (value: number) => value.toPrecision(3);
  const first = before?.loss ?? history.steps[0].loss;
  const ended = stopped === "aborted" ? "Stopped. " : "";
  const accuracies = [before, after].map((each) => each?.metrics.accuracy);
  const percent = (value: number | undefined) => `${(100 * (value ?? 0)).toFixed(1)} %`;
  const right = accuracies.every((value) => value !== undefined)
    ? `; accuracy ${percent(accuracies[0])} before, ${percent(accuracies[1])} after`
    : "";
  return `${ended}Loss ${loss(first)} before, ${loss(best.loss)} after epoch ${best.epoch}, the best${right}.`;
}
