import { dataOf, numbersOf, numbersOfData, typeOfTensor } from "../graph/constants.ts";
import { attribute, type Node, outputsOf, type Use, type Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import { walk } from "../graph/walk.ts";

/** Numbers that an operator accepts in an input: from the first on, below the second. */
export type Accepted = readonly [low: number, high: number];

const ONE: Accepted = [1, 2];
const ZERO: Accepted = [0, 1];
const FEW: Accepted = [1, 4];
const PENALTY: Accepted = [1, 1.5];
/** Above the number of tokens in the first synthetic sequence. */
const TOKENS: Accepted = [16, 17];
/** One token fewer: a search that ends early leaves the rest of its output undefined. */
const NEARLY_ALL: Accepted = [15, 16];

/** The length of what a search for tokens gives, its least length, and settings. */
const SEARCH = { 1: TOKENS, 2: NEARLY_ALL, 3: PENALTY, 4: ONE, 5: ONE, 6: ONE };

/** What a search along beams takes otherwise, and besides. */
const BEAMS: (typeof SLOTS)[string] = { 3: [2, 3], 5: PENALTY, 6: PENALTY, 7: ONE, 8: ONE, 9: ONE };

/** Accepted numbers by the index of the input: sizes and counts small enough to run fast. */
const SLOTS: Readonly<Record<string, Readonly<Record<number, Accepted>>>> = {
  "com.microsoft.BeamSearch": { ...SEARCH, ...BEAMS },
  "com.microsoft.GreedySearch": SEARCH,
  "com.microsoft.Sampling": { ...SEARCH, 7: ZERO },
  Bernoulli: { 0: [0, 1] },
  Clip: { 1: [-2, -1], 2: [1, 2] },
  ConstantOfShape: { 0: FEW },
  CumSum: { 1: ZERO },
  Dropout: { 1: [0, 0.9] },
  Expand: { 1: ONE },
  GatherElements: { 1: ZERO },
  GatherND: { 1: ZERO },
  GRU: { 4: [2, 5] },
  Loop: { 0: FEW },
  LSTM: { 4: [2, 5] },
  NonMaxSuppression: { 2: [1, 10], 3: [0, 1], 4: [0, 0.5] },
  OneHot: { 1: [2, 9] },
  Pad: { 1: [0, 2], 3: ZERO },
  Range: { 0: ZERO, 1: [2, 9], 2: ONE },
  Resize: { 2: ONE, 3: [8, 17] },
  RNN: { 4: [2, 5] },
  SequenceAt: { 1: ZERO },
  Slice: { 1: ZERO, 2: FEW, 3: ZERO, 4: ONE },
  Tile: { 1: [1, 3] },
  TopK: { 1: ONE },
  Trilu: { 1: ZERO },
  Unsqueeze: { 1: ZERO },
  Upsample: { 1: ONE },
};

/** Operators that search for tokens; their first input holds tokens. */
const SEARCHES = /^com\.microsoft\.(BeamSearch|GreedySearch|Sampling)$/;
/** Tokens that every vocabulary contains. */
const FEWEST = 4;

/** Numbers by which scores are divided or cut off, in exporters' names. */
const NAMES: readonly (readonly [RegExp, Accepted])[] = [
  [/penalty|temperature/i, PENALTY],
  [/top_?p|prob/i, [0.5, 1]],
];

/** Returns the numbers that the readers of an input accept; null if they accept all. */
export function acceptedAt(input: Value, float: boolean): Accepted | null {
  for (const { uses } of arrivals(input, true))
    for (const { node, index } of uses) {
      const accepted =
        own(SLOTS, node.op)?.[index] ?? tokensOf(node, index) ?? limitAt(node, index);
      if (accepted) return accepted;
    }
  const named = float ? NAMES.find(([name]) => name.test(input.name)) : undefined;
  return named?.[1] ?? null;
}

const tokensOf = (node: Node, index: number): Accepted | null =>
  SEARCHES.test(node.op) && index === 0
    ? [0, Math.max(attribute(node, "vocab_size")?.i ?? 0, FEWEST)]
    : null;

/** A lower limit of a table of numbers is in its lower half, an upper one above, so that some are within. */
function limitAt({ op, inputs }: Node, index: number): Accepted | null {
  if (!hasFact(op, "larger", "smaller")) return null;
  const table = inputs[1 - index];
  const data = dataOf(table);
  const numbers = (data && numbersOfData(typeOfTensor(table!)!.dtype, data)) ?? [];
  const low = numbers.reduce((least, number) => Math.min(least, number), Infinity);
  const high = numbers.reduce((most, number) => Math.max(most, number), -Infinity);
  if (!(low < high)) return null;
  const middle = (low + high) / 2;
  return hasFact(op, "larger") === (index === 0) ? [middle, high] : [low, middle];
}

/** Maximum number of values that a search visits. */
const LOOKS = 1000;

/**
 * Returns the values that a value's numbers reach unchanged, sorted or not, itself included; with
 * `asData`, excluding values that it only selects or shapes.
 */
export function arrivals(input: Value, asData = false): Iterable<Value> {
  const carries = ({ node: { op }, index }: Use) =>
    index === 0 ? hasFact(op, "carries", "sorts") : hasFact(op, "carries") && !asData;
  const next = ({ uses }: Value) => uses.filter(carries).flatMap(({ node }) => outputsOf(node));
  return walk([input], next, LOOKS);
}

/** Returns the numbers that an input is compared with, such as sample rates. */
export function comparedWith(input: Value): number[] {
  const numbers = new Set<number>();
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses)
      if (node.op === "Equal")
        for (const number of numbersOf(node.inputs[1 - index]) ?? []) numbers.add(number);
  return [...numbers];
}
