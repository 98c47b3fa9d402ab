import type { Metric, Observed } from "./metric.ts";

/** The least number of insertions, deletions and replacements between two sequences. */
function edits(from: readonly number[], to: readonly number[]): number {
  let row = Array.from({ length: to.length + 1 }, (_, k) => k);
  for (const [i, a] of from.entries()) {
    const next = [i + 1];
    for (const [j, b] of to.entries())
      next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (a === b ? 0 : 1)));
    row = next;
  }
  return row[to.length];
}

function rowsOf(values: ArrayLike<number>, rows: number): number[][] {
  const numbers = Array.from(values);
  const width = numbers.length / rows;
  return Array.from({ length: rows }, (_, k) => numbers.slice(k * width, (k + 1) * width));
}

/** What a row of classes spells, and what it should: blanks and repetitions are left out. */
function* spelled(observed: Observed): Generator<readonly [read: number[], wanted: number[]]> {
  const { dims, predicted, actual, blank } = observed;
  const wanted = rowsOf(actual, dims[0]);
  for (const [k, row] of rowsOf(predicted, dims[0]).entries()) {
    const counts = wanted[k].map((label) => label >= 0);
    const read =
      blank === null
        ? row.filter((_, at) => counts[at])
        : row.filter((label, at) => label !== blank && (at === 0 || row[at - 1] !== label));
    yield [read, wanted[k].filter((label) => label >= 0)];
  }
}

/** Edits over all rows by labels over all rows, of the likeliest class at each step. */
export const cer: Metric = {
  name: "cer",
  about: "character error rate: edits by labels, of the likeliest class at each step",
  better: "lower",
  kinds: ["sequences", "classes"],
  tally() {
    let [wrong, all] = [0, 0];
    return {
      add(observed) {
        for (const [read, wanted] of spelled(observed)) {
          wrong += edits(read, wanted);
          all += wanted.length;
        }
      },
      value: () => wrong / all,
    };
  },
};
