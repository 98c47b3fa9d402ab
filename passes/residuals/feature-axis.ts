import { readsShapeOnly } from "../../src/graph/constants.ts";
import type { Node, Scope, Value } from "../../src/graph/graph.ts";
import { type AxisMap, axesThrough, compose, inverse, sameAxes } from "./axes.ts";
import { evidence, type Place } from "./evidence.ts";
import { computedBy } from "./operators.ts";
import type { Setting, Sum, Term } from "./residual.ts";

/** Nodes one search for a writer or reader may look at. */
const LOOKS = 2000;
/** Nodes one search for the next norm may look at. */
const NEAR = 300;
/** Operators that a search goes back from a skip. */
const SHORT = 8;

/** What lies around one sum and shows a feature axis, each in the axes of the sum. */
export interface Shown {
  /** The norms and scales of the stream: of the sum, of the skip, and at the ends of the branches. */
  readonly norms: readonly Place[];
  /** What the branches write last: their mixers or, failing that, their scales. */
  readonly written: readonly Place[];
  /** What reads the sum next. */
  readonly next: Read | null;
  /** The same; at the end of a stream, what reads the skip. */
  readonly read: Place | null;
  /** What reads the skip first, as a rule where the branch begins. */
  readonly begins: () => Read | null;
}

/** Gathers what shows the feature axis of a sum. */
export function shownAt(
  setting: Setting,
  { node, output }: Sum,
  skip: Term,
  branches: readonly Term[],
): Shown {
  const rank = setting.types.get(output)!.shape!.length;
  const ends = branches.map(({ value }) => branchEnd(setting, value, rank));
  const own = evidence(setting, node).reads;
  const same = sameAxes(rank);
  const next =
    (own && { ...own, node, norm: true }) ?? nextRead(setting, output, output.scope, same, null);
  const found = [
    own,
    next?.norm ? next : nextRead(setting, output, output.scope, same, null, true),
    normBefore(setting, skip.value, rank),
    ...ends.map(({ mixer, scale }) => (mixer?.axis === scale?.axis ? null : scale)),
  ].filter((place) => place !== null);
  const norms =
    found.length > 0
      ? found
      : [nextRead(setting, skip.value, output.scope, same, output, true)].filter(
          (place) => place !== null,
        );
  return {
    norms,
    written: ends.flatMap(({ mixer, scale }) => mixer ?? scale ?? []),
    next,
    read: next ?? readOfSkip(setting, skip.value, rank, output),
    begins: () => nextRead(setting, skip.value, output.scope, same, output),
  };
}

/** Goes back from a branch's value to its last learned mixer, and to the norm or scale behind that. */
function branchEnd(
  setting: Setting,
  value: Value,
  rank: number,
): { readonly mixer: Place | null; readonly scale: Place | null } {
  let scale: Place | null = null;
  const pending: { value: Value; axes: AxisMap }[] = [{ value, axes: sameAxes(rank) }];
  const seen = new Set<Value>();
  for (let at = pending.pop(); at && seen.size < LOOKS; at = pending.pop()) {
    const node = at.value.producer;
    if (!node || seen.has(at.value) || setting.constants.has(at.value)) continue;
    seen.add(at.value);
    const { writes, reads } = evidence(setting, node);
    if (writes !== null) {
      const mixer = along(writes, at.axes);
      if (mixer !== null) return { mixer, scale };
      continue;
    }
    if (reads !== null) scale ??= along(reads, at.axes);
    for (const index of [...node.inputs.keys()].reverse()) {
      const input = node.inputs[index];
      if (!input || setting.constants.has(input)) continue;
      const through = axesThrough(setting, node, index, at.value);
      pending.push({ value: input, axes: compose(through, at.axes) });
    }
  }
  return { mixer: null, scale };
}

/** The norm or scale that a skip is the result of, as in a post-norm stream. */
function normBefore(setting: Setting, skip: Value, rank: number): Place | null {
  let [value, axes]: [Value, AxisMap] = [skip, sameAxes(rank)];
  for (let hop = 0; hop < SHORT; hop++) {
    const node = value.producer;
    const computed = node ? computedBy(setting.constants, node) : [];
    if (!node || computed.length !== 1) return null;
    const { writes, reads } = evidence(setting, node);
    if (writes !== null) return null;
    const place = reads && along(reads, axes);
    if (place) return place;
    const [before] = computed;
    const index = node.inputs.indexOf(before);
    axes = compose(axesThrough(setting, node, index, value), axes);
    value = before;
  }
  return null;
}

/** What reads a skip elsewhere than in the sum, or else one of the values that it is made of. */
function readOfSkip(setting: Setting, skip: Value, rank: number, sum: Value): Read | null {
  let [value, axes]: [Value, AxisMap] = [skip, sameAxes(rank)];
  for (let hop = 0; hop < SHORT; hop++) {
    const read = nextRead(setting, value, sum.scope, axes, sum);
    const node = value.producer;
    const index = node?.inputs.findIndex((input) => input && !setting.constants.has(input)) ?? -1;
    if (read !== null || !node || index < 0) return read;
    const through = axesThrough(setting, node, index, value);
    [value, axes] = [node.inputs[index]!, compose(through, axes)];
  }
  return null;
}

/** A node that reads features, and where these lie at the sum. */
interface Read extends Place {
  readonly node: Node;
  readonly norm: boolean;
}

/**
 * Goes on from a value to the nearest node of a scope that reads features, or that norms them;
 * `until` is not passed.
 */
function nextRead(
  setting: Setting,
  value: Value,
  scope: Scope,
  axes: AxisMap,
  until: Value | null,
  normsOnly = false,
): Read | null {
  const pending: { value: Value; axes: AxisMap }[] = [{ value, axes }];
  const seen = new Set<Value>();
  let nearest: { index: number; read: Read } | null = null;
  let looks = normsOnly ? NEAR : LOOKS;
  for (let at = pending.pop(); at && looks > 0; at = pending.pop()) {
    if (seen.has(at.value) || at.value === until) continue;
    seen.add(at.value);
    for (const { node, index } of at.value.uses) {
      if (looks-- <= 0) break;
      if (node.scope !== scope || readsShapeOnly(node) || (nearest && node.index > nearest.index))
        continue;
      const { reads, writes, norm } = evidence(setting, node);
      if (reads !== null || (normsOnly && writes !== null)) {
        const place = reads && along(reads, at.axes);
        if (place && (norm || !normsOnly))
          nearest = { index: node.index, read: { ...place, node, norm } };
        continue;
      }
      for (const output of node.outputs) {
        if (!output) continue;
        const through = axesThrough(setting, node, index, output);
        const back = inverse(through, setting.types.get(output)?.shape?.length ?? 0);
        pending.push({ value: output, axes: compose(back, at.axes) });
      }
    }
  }
  return nearest?.read ?? null;
}

/** A place where another value's axes lie; null where they do not hold it. */
function along({ axis, size }: Place, axes: AxisMap): Place | null {
  const there = axes[axis] ?? null;
  return there === null ? null : { axis: there, size };
}
