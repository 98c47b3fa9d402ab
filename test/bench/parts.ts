import { nearest } from "../../src/nearest.ts";

/** The parts of the bench, in the order in which they run; those with a size take gigabytes. */
const PARTS = {
  file: 1.6,
  external: 13,
  nodes: null,
  proof: null,
  latency: null,
  steps: null,
  ranks: null,
  halves: null,
  start: null,
} as const;

export type Part = keyof typeof PARTS;

/** The parts to run, each with its size in gigabytes if it has one. */
export type ChosenParts = ReadonlyMap<Part, number | null>;

const names = Object.keys(PARTS) as Part[];
const isPart = (word: string): word is Part => Object.hasOwn(PARTS, word);
const sized = names.filter((name) => PARTS[name] !== null);

/**
 * Reads the words after `npm run bench --`: parts, and after `file` or `external` a size in
 * gigabytes. No word means every part. Throws an Error of one sentence for any other word.
 */
export function chosenParts(words: readonly string[]): ChosenParts {
  const chosen = new Map<Part, number | null>();
  for (const [k, word] of words.entries()) {
    const before = words[k - 1];
    if (isPart(word)) {
      if (chosen.has(word)) throw new Error(`bench has ${word} twice.`);
      chosen.set(word, PARTS[word]);
    } else if (before !== undefined && isPart(before) && PARTS[before] !== null)
      chosen.set(before, gigabytes(before, word));
    else throw new Error(unknown(word));
  }
  return chosen.size > 0 ? chosen : new Map(names.map((name) => [name, PARTS[name]]));
}

function gigabytes(part: Part, word: string): number {
  const size = Number(word);
  if (Number.isNaN(size)) throw new Error(unknown(word));
  if (size > 0 && Number.isFinite(size)) return size;
  throw new Error(`the size of ${part} must be a positive number of gigabytes (got ${word}).`);
}

function unknown(word: string): string {
  const near = nearest(word, names);
  const meant = near === undefined ? "it" : `did you mean ${near}? It`;
  return `bench has no part ${word}; ${meant} has ${names.join(", ")}, and ${sized.join(" and ")} take a size in gigabytes.`;
}
