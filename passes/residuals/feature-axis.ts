import type { Value } from "../../src/graph/graph.ts";
import { descend } from "../../src/graph/walk.ts";
import { type AxisMap, axesThrough, compose, sameAxes } from "./axes.ts";
import { evidence, type Place, placeAlong } from "./evidence.ts";
import {
  type NormSearches,
  nextRead,
  normBehind,
  type Origin,
  type Read,
  type Seen,
} from "./next-read.ts";
import { computedBy } from "./operators.ts";
import type { Feature, Setting, Site, Sum } from "./residual.ts";

/** Maximum number of values that a search for a writer visits. */
const LOOKS = 2000;
/** Maximum number of operators that a search follows back from a skip. */
const SHORT = 8;

/** The evidence of the feature axis around one sum, as axes of the sum. */
export interface Shown {
  /** Norms and scales of the stream: of the sum, of the skip, and at the ends of the branches. */
  readonly norms: readonly Place[];
  /** What the branches write last: their mixers, or their scales if there are none. */
  readonly written: readonly Place[];
  /** What reads the sum next. */
  readonly next: Read | null;
  /** The next reader; at the end of a stream, the reader of the skip. */
  readonly read: Place | null;
}

/** A sum with its slots, before its feature axis is known. */
export interface Candidate extends Pick<Site, "name" | "within" | "skip" | "branches" | "kind"> {
  readonly sum: Sum;
  /** Its feature axis, if it is known already. */
  readonly known: Feature | null;
}

/** Collects the evidence of a sum's feature axis. */
export function shownAt(setting: Setting, candidate: Candidate, searches: NormSearches): Shown {
  const { node, output } = candidate.sum;
  const start = afterSkip(setting, candidate);
  const { axes, scope } = start;
  const rank = axes.length;
  const skip = candidate.skip.value;
  const ends = candidate.branches.map(({ value }) => branchEnd(setting, value, rank));
  const own = evidence(setting, node).reads;
  const after = { value: output, axes, scope, until: null };
  const next = (own && { ...own, node, norm: true }) ?? nextRead(setting, after);
  const near = [
    own,
    next?.norm ? next : nextRead(setting, after, true),
    normBefore(setting, skip, rank),
    ...ends.map(({ mixer, scale }) => (mixer?.axis === scale?.axis ? null : scale)),
  ].filter((place) => place !== null);
  return {
    norms: near.length > 0 ? near : normBehind(setting, start, searches),
    written: ends.map(({ mixer, scale }) => mixer ?? scale).filter((place) => place !== null),
    next,
    read: next ?? readOfSkip(setting, skip, rank, output),
  };
}

/** Returns the first reader of a sum's skip, which usually starts the branch. */
export const firstReader = (setting: Setting, candidate: Candidate): Read | null =>
  nextRead(setting, afterSkip(setting, candidate));

/** Returns the axis that the last mixer before a sum's skip wrote; null if none is found. */
export const writerOfSkip = (setting: Setting, { sum, skip }: Candidate): Place | null =>
  branchEnd(setting, skip.value, setting.types.get(sum.output)!.shape!.length).mixer;

/** Returns where a search for the readers of a skip starts, other than the sum. */
const afterSkip = ({ types }: Setting, { sum: { output }, skip }: Candidate): Origin => ({
  value: skip.value,
  axes: sameAxes(types.get(output)!.shape!.length),
  scope: output.scope,
  until: output,
});

/** Walks back from a branch to its last learned mixer, and to the norm or scale after that. */
function branchEnd(
  setting: Setting,
  value: Value,
  rank: number,
): { readonly mixer: Place | null; readonly scale: Place | null } {
  let scale: Place | null = null;
  let isWriter = false;
  const operandsOf = (at: Seen): Seen[] => {
    const node = at.value.producer;
    if (!node || isWriter) return [];
    return node.inputs.flatMap((input, index) => {
      if (!input || setting.constants.has(input)) return [];
      const through = axesThrough(setting, node, index, at.value);
      const isResized = at.isResized || resizes(setting, input, at.value, through);
      return [{ value: input, axes: compose(through, at.axes), isResized }];
    });
  };
  let looks = 0;
  for (const at of descend([{ value, axes: sameAxes(rank) }], operandsOf, valueAt)) {
    if (++looks > LOOKS) break;
    const { writes, reads } = evidence(setting, at.value.producer);
    isWriter = writes !== null;
    const mixer = writes && placeAlong(writes, at.axes);
    if (mixer) return { mixer: at.isResized ? { ...mixer, size: null } : mixer, scale };
    if (!writes && reads) scale ??= placeAlong(reads, at.axes);
  }
  return { mixer: null, scale };
}

/** Returns the norm or scale that makes the skip, as in a post-norm stream. */
function normBefore(setting: Setting, skip: Value, rank: number): Place | null {
  let [value, axes]: [Value, AxisMap] = [skip, sameAxes(rank)];
  for (let hop = 0; hop < SHORT; hop++) {
    const node = value.producer;
    const computed = node ? computedBy(setting.constants, node) : [];
    if (!node || computed.length !== 1) return null;
    const { writes, reads } = evidence(setting, node);
    if (writes !== null) return null;
    const place = reads && placeAlong(reads, axes);
    if (place) return place;
    const [before] = computed;
    const index = node.inputs.indexOf(before);
    axes = compose(axesThrough(setting, node, index, value), axes);
    value = before;
  }
  return null;
}

/** Returns the reader of a skip outside the sum, or of a value that the skip comes from. */
function readOfSkip(setting: Setting, skip: Value, rank: number, sum: Value): Read | null {
  let [value, axes]: [Value, AxisMap] = [skip, sameAxes(rank)];
  for (let hop = 0; hop < SHORT; hop++) {
    const read = nextRead(setting, { value, axes, scope: sum.scope, until: sum });
    const node = value.producer;
    const index = node?.inputs.findIndex((input) => input && !setting.constants.has(input)) ?? -1;
    if (read !== null || !node || index < 0) return read;
    const through = axesThrough(setting, node, index, value);
    [value, axes] = [node.inputs[index]!, compose(through, axes)];
  }
  return null;
}

/** Whether a layout operator takes a part of an axis or adds to it, as for one of several gates. */
function resizes(setting: Setting, operand: Value, made: Value, through: AxisMap): boolean {
  const [from, to] = [operand, made].map((value) => setting.types.get(value)?.shape ?? []);
  const changes = (axis: number | null, k: number) =>
    axis !== null && typeof from[k] === "number" && from[k] !== to[axis];
  return setting.traits(made.producer!).layout && through.some(changes);
}

const valueAt = ({ value }: Seen) => value;
