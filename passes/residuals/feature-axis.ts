import { readsShapeOnly } from "../../src/graph/constants.ts";
import { type Node, outputsOf, type Scope, type Use, type Value } from "../../src/graph/graph.ts";
import { bestFirst, descend } from "../../src/graph/walk.ts";
import { type AxisMap, axesThrough, compose, inverse, sameAxes } from "./axes.ts";
import { evidence, type Place } from "./evidence.ts";
import { computedBy } from "./operators.ts";
import type { Setting, Sum, Term } from "./residual.ts";

/** Maximum number of nodes that a search for a writer or reader visits. */
const LOOKS = 2000;
/** Maximum number of nodes that a search for the next norm visits. */
const NEAR = 300;
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
  /** The first reader of the skip, which usually starts the branch. */
  readonly begins: () => Read | null;
  /** What wrote the skip. */
  readonly start: () => Place | null;
}

/** Collects the evidence of a sum's feature axis. */
export function shownAt(
  setting: Setting,
  { node, output }: Sum,
  skip: Term,
  branches: readonly Term[],
): Shown {
  const rank = setting.types.get(output)!.shape!.length;
  const ends = branches.map(({ value }) => branchEnd(setting, value, rank));
  const own = evidence(setting, node).reads;
  const axes = sameAxes(rank);
  const after = (value: Value) => ({ value, axes, scope: output.scope, until: null });
  const afterSkip = { ...after(skip.value), until: output };
  const next = (own && { ...own, node, norm: true }) ?? nextRead(setting, after(output));
  const near = [
    own,
    next?.norm ? next : nextRead(setting, after(output), true),
    normBefore(setting, skip.value, rank),
    ...ends.map(({ mixer, scale }) => (mixer?.axis === scale?.axis ? null : scale)),
  ].filter((place) => place !== null);
  const norms =
    near.length > 0 ? near : [normBehind(setting, afterSkip)].filter((place) => place !== null);
  return {
    norms,
    written: ends.flatMap(({ mixer, scale }) => mixer ?? scale ?? []),
    next,
    read: next ?? readOfSkip(setting, skip.value, rank, output),
    begins: () => nextRead(setting, afterSkip),
    start: () => branchEnd(setting, skip.value, rank).mixer,
  };
}

/** Walks back from a branch to its last learned mixer, and to the norm or scale after that. */
function branchEnd(
  setting: Setting,
  value: Value,
  rank: number,
): { readonly mixer: Place | null; readonly scale: Place | null } {
  let scale: Place | null = null;
  const evidenceAt = ({ value: made }: Seen) => made.producer && evidence(setting, made.producer);
  const operandsOf = (at: Seen): Seen[] =>
    (at.value.producer?.inputs ?? []).flatMap((input, index) => {
      if (!input || setting.constants.has(input) || evidenceAt(at)?.writes) return [];
      const through = axesThrough(setting, at.value.producer!, index, at.value);
      const isResized = at.isResized || resizes(setting, input, at.value, through);
      return [{ value: input, axes: compose(through, at.axes), isResized }];
    });
  let looks = 0;
  for (const at of descend([{ value, axes: sameAxes(rank) }], operandsOf, valueAt)) {
    if (++looks > LOOKS) break;
    const { writes, reads } = evidenceAt(at) ?? {};
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

/** A node that reads features, and their axes at the sum. */
interface Read extends Place {
  readonly node: Node;
  readonly norm: boolean;
}

/** Where a search for a reader starts, in which scope it stays, and the value that it does not pass. */
interface Start {
  readonly value: Value;
  readonly axes: AxisMap;
  readonly scope: Scope;
  readonly until: Value | null;
  /** Takes the values that the search passes. */
  readonly seen?: Set<Value>;
}

/** The last search for a norm behind a skip, which tells of other sums of that skip too. */
const searched = new WeakMap<Setting, Required<Start> & { readonly norm: Read | null }>();

/** Returns the first norm behind a skip on a way that does not lead through the sum. */
function normBehind(setting: Setting, start: Start): Read | null {
  const last = searched.get(setting);
  const isSame =
    last?.value === start.value &&
    last.scope === start.scope &&
    last.axes.length === start.axes.length &&
    !last.seen.has(last.until!) &&
    !last.seen.has(start.until!);
  if (isSame) return last.norm;
  const seen = new Set<Value>();
  const norm = nextRead(setting, { ...start, seen }, true);
  searched.set(setting, { ...start, seen, norm });
  return norm;
}

/** Returns the first node after a value, in their order, that reads features or norms them. */
function nextRead(
  setting: Setting,
  { value, axes, scope, until, seen = new Set() }: Start,
  normsOnly = false,
): Read | null {
  let looks = normsOnly ? NEAR : LOOKS;
  /** Returns the nearest readers of a value: its uses are in the order of the nodes. */
  const readersOf = (at: Seen): Reader[] => {
    if (seen.has(at.value)) return [];
    seen.add(at.value);
    if (at.value === until) return [];
    const readers: Reader[] = [];
    // To one node, the way that keeps most axes is taken: to x / σ that of x.
    const lost = at.axes.filter((axis) => axis === null).length / (at.axes.length + 1);
    for (const use of at.value.uses) {
      if (readers.length >= looks) break;
      if (use.node.scope === scope && !readsShapeOnly(use.node))
        readers.push({ use, axes: at.axes, order: use.node.index + lost });
    }
    return readers;
  };
  let next: Reader[] = [];
  const starts = readersOf({ value, axes });
  for (const { use, axes: there } of bestFirst(
    starts,
    () => next,
    (reader) => reader.order,
  )) {
    if (--looks < 0) return null;
    const { node, index } = use;
    const { reads, writes, norm } = evidence(setting, node);
    const shows = reads !== null || (normsOnly && writes !== null);
    const place = reads && placeAlong(reads, there);
    if (place && (norm || !normsOnly)) return { ...place, node, norm };
    next = (shows ? [] : outputsOf(node)).flatMap((output) => {
      const through = axesThrough(setting, node, index, output);
      const back = inverse(through, setting.types.get(output)?.shape?.length ?? 0);
      return readersOf({ value: output, axes: compose(back, there) });
    });
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

/** A value on a search, and its axes as those of the value where the search began. */
interface Seen {
  readonly value: Value;
  readonly axes: AxisMap;
  /** Whether sizes changed in between. */
  readonly isResized?: boolean;
}

/** A reader of such a value, the value's axes, and where the reader stands among others. */
interface Reader {
  readonly use: Use;
  readonly axes: AxisMap;
  readonly order: number;
}

const valueAt = ({ value }: Seen) => value;

/** Maps a place by the axes of its value; null if its axis is not kept. */
export function placeAlong({ axis, size, mask }: Place, axes: AxisMap): Place | null {
  const there = axes[axis] ?? null;
  return there === null ? null : { axis: there, size, mask };
}
