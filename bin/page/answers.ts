import { runnable, withSession } from "../../passes/internal.ts";
import type { Model, Tensors } from "../../src/index.ts";
import { pageRuntime as ort } from "./runtime.ts";

/** Samples that a model answers. */
export interface SampleSet {
  readonly feeds: Tensors;
  readonly count: number;
  /** What is expected of a sample, and its class if that is known. */
  readonly expected: (k: number) => { readonly text: string; readonly label: number | null };
  /** Its picture, 0 for paper and 1 for ink; null if it has none. */
  readonly ink: (k: number) => Float32Array | null;
  /** Names of the classes; numbers if there are none. */
  readonly classes: readonly string[] | null;
}

/** Runs a model on samples and says what it answers: a class, or the first numbers. */
export async function answersOf(model: Model, samples: SampleSet) {
  const output = await withSession(ort, runnable(model.file), "all", async (session) => {
    const inputs = Object.entries(samples.feeds).filter(([name]) =>
      session.inputNames.includes(name),
    );
    const got = await session.run(Object.fromEntries(inputs));
    return got[session.outputNames[0]];
  });
  return Array.from({ length: samples.count }, (_, k) => {
    const row = rowOf(output, samples.count, k);
    const { text, label } = samples.expected(k);
    const said = label === null ? null : classIn(row, output.dims);
    return {
      ink: samples.ink(k),
      expected: text,
      answer: said === null ? numbers(row) : nameOf(said, row, samples.classes),
      /** Null if that is not known. */
      isRight: said === null || output.dims.length !== 2 ? null : said === label,
    };
  });
}

/** A sample, what is expected of it, and what the model says. */
export type SampleAnswer = Awaited<ReturnType<typeof answersOf>>[number];

/** The numbers of one of `count` samples. */
function rowOf({ data }: Tensors[string], count: number, k: number): number[] {
  const size = data.length / count;
  return Array.from(data.slice(k * size, (k + 1) * size) as ArrayLike<number | bigint>, Number);
}

/** The class with the largest score; of a sequence, at its last place. */
function classIn(row: readonly number[], dims: readonly number[]): number {
  const last = row.slice(-dims[dims.length - 1]);
  return last.indexOf(Math.max(...last));
}

function nameOf(said: number, row: readonly number[], classes: readonly string[] | null): string {
  const name = classes?.[said] ?? `class ${said}`;
  const isShare = row.every((value) => value >= 0 && value <= 1);
  return isShare ? `${name}, ${(100 * row[said]).toFixed(0)} %` : name;
}

/** Returns "0.12, −3.4, …". */
const numbers = (row: readonly number[]): string =>
  row
    .slice(0, 4)
    .map((value) => String(Number(value.toPrecision(3))))
    .concat(row.length > 4 ? ["…"] : [])
    .join(", ");

/** Returns a batch of a user's data as samples. */
export const batchSamples = (batch: Tensors, target: string | undefined): SampleSet => ({
  feeds: batch,
  count: Object.values(batch)[0].dims[0],
  expected: (k) => expectedOf(batch, target, k),
  ink: () => null,
  classes: null,
});

function expectedOf(batch: Tensors, target: string | undefined, k: number) {
  const tensor = target === undefined ? undefined : batch[target];
  if (!tensor) return { text: "", label: null };
  const row = rowOf(tensor, tensor.dims[0], k);
  const isLabel = row.length === 1 && /int/.test(tensor.type);
  return { text: isLabel ? `class ${row[0]}` : numbers(row), label: isLabel ? row[0] : null };
}
