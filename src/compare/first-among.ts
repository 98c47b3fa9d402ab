import type { Tensor } from "onnxruntime-common";
import type { Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import type { Types } from "../graph/types.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import type { Exposed } from "../ort/expose.ts";
import { sown } from "../ort/fixed-seeds.ts";
import { runnable } from "../ort/loading.ts";
import { type Ort, runFor, type Tensors, withSession } from "../ort/session.ts";
import { compare, type Difference } from "./difference.ts";
import type { Counterpart } from "./matching.ts";

/** Elements that are held at once, and values that one session gives. */
const ELEMENTS = 1 << 25;
const VALUES = 500;
/** What a dimension of which nothing is known is taken for. */
const UNKNOWN_DIM = 64;

/** Hands out values of one model by name; null where it cannot. */
export type Opening = (names: readonly string[]) => Exposed | null;

/** The first value that differs. */
export interface Found {
  readonly pair: Counterpart;
  readonly value: string;
  readonly difference: Difference;
  /** Values that were compared up to here, this one included. */
  readonly compared: number;
  /** The round of the loops around it in which it first differs. */
  readonly round: number;
}

/** One value to look at, the nodes that make it, and about how many elements it has. */
interface Tap {
  readonly value: Value;
  readonly pair: Counterpart;
  readonly elements: number;
}

/**
 * The first of the values that these pairs of nodes make under one name, in the first model's
 * topological order, that is not the same in both models bit for bit; inside `loops` loops the
 * first in the earliest round. Null where none is to be seen.
 */
export async function firstAmong(
  ort: Ort,
  [a, b]: readonly [Opening, Opening],
  pairs: readonly Counterpart[],
  types: Types,
  loops: number,
  feed: Tensors,
  dims: Readonly<Record<string, number>> = {},
): Promise<Found | null> {
  let [compared, first] = [0, null as Found | null];
  for (const group of batches(taps(pairs, types, dims, loops))) {
    const found = await firstOf(ort, a, b, group, loops, feed);
    first = earlier(first, found && { ...found, compared: compared + found.compared });
    if (first && loops === 0) return first;
    compared += group.length;
  }
  return first;
}

const earlier = (a: Found | null, b: Found | null) => (a && (!b || a.round <= b.round) ? a : b);

function taps(
  pairs: readonly Counterpart[],
  types: Types,
  dims: Readonly<Record<string, number>>,
  loops: number,
): Tap[] {
  const ordered = [...pairs].sort((x, y) => x.a.index - y.a.index);
  return ordered.flatMap((pair) =>
    pair.a.outputs.flatMap((value) => {
      const type = value ? types.get(value) : undefined;
      const there = pair.b.outputs.some((other) => other?.name === value?.name);
      // In the main graph a value without a type is no tensor; inside, types may not be known.
      const known = type ? dataTypeNamed(type.dtype)?.ort : pair.a.scope.kind !== "main";
      if (!value || !there || !known) return [];
      const elements = (type?.shape ?? [UNKNOWN_DIM]).reduce<number>(
        (n, dim) => n * (typeof dim === "number" ? dim : (own(dims, dim) ?? UNKNOWN_DIM)),
        UNKNOWN_DIM ** loops,
      );
      return [{ value, pair, elements }];
    }),
  );
}

function batches(all: readonly Tap[]): Tap[][] {
  const groups: Tap[][] = [];
  let room = 0;
  for (const tap of all) {
    if (groups.length === 0 || tap.elements > room || groups.at(-1)!.length >= VALUES) {
      groups.push([]);
      room = ELEMENTS;
    }
    groups.at(-1)!.push(tap);
    room -= tap.elements;
  }
  return groups;
}

async function firstOf(
  ort: Ort,
  a: Opening,
  b: Opening,
  group: readonly Tap[],
  loops: number,
  feed: Tensors,
): Promise<Found | null> {
  const names = group.map(({ value }) => value.name);
  let runs: readonly (readonly Tensor[])[];
  try {
    const [once, other] = [await values(ort, a, names, feed), await values(ort, b, names, feed)];
    const equal = once.every((tensor, k) => compare(tensor, other[k]).bitEqual);
    if (equal) return null;
    runs = [once, await values(ort, a, names, feed), other];
  } catch (error) {
    // One value that cannot be an output must not hide the others.
    if (group.length === 1) return null;
    if (!(error instanceof Error)) throw error;
    const half = group.length >> 1;
    const early = await firstOf(ort, a, b, group.slice(0, half), loops, feed);
    if (early && loops === 0) return early;
    const late = await firstOf(ort, a, b, group.slice(half), loops, feed);
    return earlier(early, late && { ...late, compared: late.compared + half });
  }
  const [once, again, other] = runs;
  let first: Found | null = null;
  for (const [k, { value, pair }] of group.entries()) {
    const difference = compare(once[k], other[k]);
    if (difference.bitEqual || !compare(once[k], again[k]).bitEqual) continue;
    const round = loops === 0 ? 0 : roundOf(once[k], other[k], loops);
    first = earlier(first, { value: value.name, pair, difference, compared: k + 1, round });
    if (loops === 0) break;
  }
  return first;
}

/** Values of a model in a session of their own, in which it draws as in any other. */
async function values(
  ort: Ort,
  open: Opening,
  names: readonly string[],
  feed: Tensors,
): Promise<Tensor[]> {
  const opened = open(names);
  if (!opened) throw new Error("these values cannot be handed out");
  const { file, outputs } = opened;
  return withSession(ort, runnable(sown(file)), "disabled", async (session) => {
    const got = await runFor(session, feed, [...outputs]);
    return outputs.map((name) => got[name]);
  });
}

/** Where two stacks first differ: the loops' rounds are their leading axes. */
function roundOf(a: Tensor, b: Tensor, loops: number): number {
  const block = (dims: readonly number[]) => dims.slice(loops).reduce((n, dim) => n * dim, 1);
  if (block(a.dims) !== block(b.dims)) return 0;
  const [x, y] = [a.data, b.data] as ArrayLike<unknown>[];
  const length = Math.min(x.length, y.length);
  let k = 0;
  while (k < length && Object.is(x[k], y[k])) k++;
  return Math.floor(k / Math.max(1, block(a.dims)));
}
