import { entry, groupBy } from "../../src/entry.ts";
import { outputsOf, type Value } from "../../src/graph/graph.ts";
import { type AxisMap, axesThrough, compose, inverse, sameAxes } from "./axes.ts";
import { type Place, placeAlong } from "./evidence.ts";
import { type Candidate, firstReader, type Shown, shownAt, writerOfSkip } from "./feature-axis.ts";
import type { NamedAxes } from "./named-axes.ts";
import type { NormSearches } from "./next-read.ts";
import { type Reason, reasons } from "./reasons.ts";
import { Recent } from "./recent.ts";
import type { Feature, Setting } from "./residual.ts";
import { placedBefore } from "./streams.ts";

/** A sum's feature axis, or why it has none. */
export type FoundAxis = Feature | { readonly reason: Reason };

/** A sum in its stream: its evidence, and its axes in terms of the first sum of the stream. */
interface Member {
  readonly candidate: Candidate;
  readonly shown: Shown;
  readonly shape: readonly (number | string)[];
  /** The first sum of the stream. */
  readonly root: Value;
  readonly toRoot: AxisMap;
}

/**
 * Returns the feature axes of sums, which are given in topological order. The stream decides: its
 * norms and scales show the axis at all its sums. A mixer shows it only in a stream without a norm,
 * because it may mix positions. There each branch must write the axis that the next reader reads,
 * or the other sums of the stream must show which of the two holds the features.
 */
export function featureAxes(
  setting: Setting,
  candidates: readonly Candidate[],
  named: NamedAxes,
): FoundAxis[] {
  const members = inOneStream(setting, candidates);
  const streams = groupBy(members, ({ root }) => root);
  const normed = new Map<Value, number | null>();
  const normedAt = (root: Value) => entry(normed, root, () => normedAxis(streams.get(root)!));
  return members.map((member) => {
    const { known, name, sum, kind } = member.candidate;
    const given = named.of(name, sum.output.name, member.shape);
    if (given === null && known) return known;
    const stream = streams.get(member.root)!;
    if (given !== null) return decide(member, stream, given);
    const shown = decide(member, stream, axisOf(setting, member, stream, normedAt));
    // Such a sum is a bias or a score, not features.
    return kind === "projected" && "size" in shown && shown.size === 1
      ? noAxis(`the skip is projected to a single value on axis ${shown.axis}`)
      : shown;
  });
}

const noAxis = (why: string): FoundAxis => ({ reason: reasons.noFeatureAxis(why) });

/** Links each sum to the one that its skip comes from, through single operators and norms. */
function inOneStream(setting: Setting, candidates: readonly Candidate[]): Member[] {
  const placed = new Map<Value, Member>();
  const searches: NormSearches = new Recent();
  return candidates.map((candidate) => {
    const { sum } = candidate;
    const shape = setting.types.get(sum.output)!.shape!;
    const before = sumBefore(setting, candidate, shape.length, placed);
    const toRoot = before
      ? compose(inverse(before.axes, shape.length), before.member.toRoot)
      : sameAxes(shape.length);
    const member: Member = {
      candidate,
      shown: shownAt(setting, candidate, searches),
      shape,
      root: before?.member.root ?? sum.output,
      toRoot,
    };
    for (const output of outputsOf(sum.node)) placed.set(output, member);
    return member;
  });
}

/** Returns the sum that a skip comes from, and where its axes are at this sum. */
function sumBefore(
  setting: Setting,
  { skip }: Candidate,
  rank: number,
  placed: ReadonlyMap<Value, Member>,
): { readonly member: Member; readonly axes: AxisMap } | null {
  let axes = sameAxes(rank);
  const rankOf = (value: Value) => setting.types.get(value)?.shape?.length;
  const member = placedBefore(setting, skip, placed, (from, value) => {
    const index = value.producer?.inputs.indexOf(from) ?? -1;
    if (index < 0) return rankOf(from) === rankOf(value);
    axes = compose(axesThrough(setting, value.producer!, index, value), axes);
    return true;
  });
  return member && { member, axes };
}

function decide(
  member: Member,
  stream: readonly Member[],
  axis: number | { readonly reason: string },
): FoundAxis {
  if (typeof axis !== "number") return noAxis(axis.reason);
  const own = member.shape[axis];
  if (typeof own === "number") return { axis, size: own };
  const sizes = sizesAt(member, axis, stream);
  if (sizes.size > 1)
    return noAxis(
      `along axis ${axis} the weights of its stream have ${[...sizes].join(" and ")} features`,
    );
  const [size] = sizes;
  return size === undefined ? noAxis(`axis ${axis} does not have a fixed size`) : { axis, size };
}

/** Returns the axis that the stream shows at one of its sums. */
function axisOf(
  setting: Setting,
  member: Member,
  stream: readonly Member[],
  normedAt: (root: Value) => number | null,
): number | { readonly reason: string } {
  const { norms, written, read } = member.shown;
  const own = only(norms.filter(({ mask }) => !mask));
  const normed = own ?? here(member, normedAt(member.root)) ?? only(norms);
  if (normed !== null) return normed;
  // As far as the branches that write and the reader show one.
  const agreed = only(read ? [...written, read] : written);
  if (agreed !== null) return agreed;
  const told = here(
    member,
    only(ofOthers(setting, member, stream)) ?? only(endsOf(setting, stream)),
  );
  const axes = new Set(written.map(({ axis }) => axis));
  if (told !== null && (axes.has(told) || read?.axis === told)) return told;
  if (axes.size > 1) return { reason: "the branches write to different axes" };
  if (axes.size === 0 && read === null)
    return { reason: "neither the branch nor the reader of the sum shows one" };
  return {
    reason: `the branch writes features on axis ${[...axes][0]}, but the next reader takes them from axis ${read?.axis}`,
  };
}

/** Returns the axes that a stream's other branches write and its readers read; none without other branches. */
function ofOthers(setting: Setting, member: Member, stream: readonly Member[]): Place[] {
  const begins = firstReader(setting, member.candidate);
  const others = stream.filter((each) => each !== member && each.shown.written.length > 0);
  if (others.length === 0) return [];
  return stream.flatMap((each) => {
    const { written, next } = each.shown;
    const foreign = next && next.node !== begins?.node ? [next] : [];
    return atRoot(each, each === member ? foreign : [...written, ...foreign]);
  });
}

/** Returns the axes on which a stream is written first and read last; none if one of them is not known. */
function endsOf(setting: Setting, stream: readonly Member[]): Place[] {
  const [first, last] = [stream[0], stream.at(-1)!];
  const start = writerOfSkip(setting, first.candidate);
  const end = last.shown.next ? atRoot(last, [last.shown.next]) : [];
  return start && end.length > 0 ? [start, ...end] : [];
}

/** Returns the axis that all these places have; null if they differ or there is none. */
function only(places: readonly Place[]): number | null {
  const [first] = places;
  return first && places.every(({ axis }) => axis === first.axis) ? first.axis : null;
}

/** Returns the axis of a stream's norms; if all may be masks, rather the one that its branches write. */
function normedAxis(stream: readonly Member[]): number | null {
  const norms = stream.flatMap((each) => atRoot(each, each.shown.norms));
  const written = stream.flatMap((each) => atRoot(each, each.shown.written));
  const sure = norms.filter(({ mask }) => !mask);
  if (sure.length > 0) return only(sure);
  return norms.length > 0 ? (only(written) ?? only(norms)) : null;
}

const atRoot = ({ toRoot }: Member, places: readonly Place[]): Place[] =>
  places.map((place) => placeAlong(place, toRoot)).filter((place) => place !== null);

/** Returns where an axis of the stream's first sum is at another sum. */
function here({ toRoot }: Member, axis: number | null): number | null {
  const at = axis === null ? -1 : toRoot.indexOf(axis);
  return at < 0 ? null : at;
}

/** Returns the sizes of an axis by the sum's own weights, otherwise by its stream's. */
function sizesAt(member: Member, axis: number, stream: readonly Member[]): ReadonlySet<number> {
  const { norms, written, read } = member.shown;
  const own = sizes([...norms, ...written, ...(read ? [read] : [])], axis);
  if (own.size > 0) return own;
  const root = member.toRoot[axis] ?? null;
  const all = stream.flatMap((each) => {
    const shape = each.shape.map((dim, k) => ({
      axis: k,
      size: typeof dim === "number" ? dim : null,
    }));
    return atRoot(each, [...shape, ...each.shown.norms, ...each.shown.written]);
  });
  return sizes(all, root);
}

const sizes = (places: readonly Place[], along: number | null): Set<number> =>
  new Set(places.flatMap(({ axis, size }) => (axis === along && size !== null ? [size] : [])));
