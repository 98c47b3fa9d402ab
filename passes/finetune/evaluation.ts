import type { Tensors } from "../../src/ort/session.ts";
import { numberOf } from "../../src/ort/tensors.ts";
import type { Step } from "./finetune-options.ts";
import type { AttachedTerm } from "./model-with-loss.ts";

/** Loss and metrics of a model on batches that it is not trained on; NaN without examples. */
export interface Evaluation extends Pick<Step, "loss" | "metrics" | "examples"> {
  readonly rows: number;
  /** Confusion matrices by output, of up to 128 classes: rows are true, columns predicted classes. */
  readonly confusion?: Readonly<Record<string, readonly (readonly number[])[]>> | null;
}

/** Combines the means of several batches to means over all their examples. */
export function together(parts: readonly Evaluation[]): Evaluation {
  const examples = sum(parts.map((part) => part.examples));
  const mean = (of: (part: Evaluation) => number) =>
    sum(parts.map((part) => part.examples && part.examples * of(part))) / examples;
  const names = Object.keys(parts[0]?.metrics ?? {});
  const loss = mean((part) => part.loss);
  const metrics = names.map((name) => [name, mean((part) => part.metrics[name])] as const);
  const rows = sum(parts.map((part) => part.rows));
  // The perplexity is that of the loss: no mean of perplexities.
  const perplexity = names.includes("perplexity") ? { perplexity: Math.exp(loss) } : {};
  return { rows, examples, loss, metrics: { ...Object.fromEntries(metrics), ...perplexity } };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Returns the figures of each loss in one batch, among the outputs of its graph. */
export function figuresOf(
  terms: readonly AttachedTerm[],
  rows: number,
  outputs: Tensors,
): Evaluation[] {
  const of = (name: string) => numberOf(outputs[name]);
  return terms.map(({ value, metrics, examples, reading }) => {
    const named = Object.entries(metrics).map(([key, name]) => [key, of(name)]);
    const more = reading.isNextToken ? [["perplexity", Math.exp(of(value))]] : [];
    const figures = Object.fromEntries([...named, ...more]);
    return { rows, examples: of(examples), loss: of(value), metrics: figures };
  });
}

/** Returns the weighted sum of losses and all metrics; of several losses, examples are rows. */
export function summed(
  terms: readonly Pick<AttachedTerm, "label" | "weight">[],
  figures: readonly Evaluation[],
): Evaluation {
  const [first] = figures;
  const loss = sum(
    figures.map((figure, k) => (figure.examples ? terms[k].weight * figure.loss : 0)),
  );
  if (figures.length === 1)
    return { ...first, loss: first.examples ? loss : first.loss * terms[0].weight };
  const metrics = figures.flatMap((figure, k) =>
    Object.entries({ loss: figure.loss, ...figure.metrics }).map(([name, value]) => [
      `${terms[k].label}.${name}`,
      value,
    ]),
  );
  const examples = figures.some((figure) => figure.examples > 0) ? first.rows : 0;
  return { rows: first.rows, examples, loss, metrics: Object.fromEntries(metrics) };
}
