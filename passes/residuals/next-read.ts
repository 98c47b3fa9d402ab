import { readsShapeOnly } from "../../src/graph/constants.ts";
import { type Node, outputsOf, type Scope, type Use, type Value } from "../../src/graph/graph.ts";
import { bestFirst } from "../../src/graph/walk.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import { type AxisMap, axesThrough, compose, inverse, sameShape } from "./axes.ts";
import { evidence, type Place, placeAlong } from "./evidence.ts";
import type { Recent } from "./recent.ts";
import type { Setting } from "./residual.ts";

/** Maximum number of nodes that a search for a reader visits. */
const LOOKS = 2000;
/** Maximum number of nodes that a search for the next norm visits. */
const NEAR = 300;

/** A node that reads features, and their axes at the sum. */
export interface Read extends Place {
  readonly node: Node;
  readonly norm: boolean;
}

/** Where a search for a reader starts, in which scope it stays, and the value that it does not pass. */
export interface Origin {
  readonly value: Value;
  readonly axes: AxisMap;
  readonly scope: Scope;
  readonly until: Value | null;
}

/** The last searches for the first norm behind a skip. */
export type NormSearches = Recent<Value, NormSearch>;

/** A search for one of the skip's sums, and the values that it passed. */
interface NormSearch {
  readonly start: Origin;
  readonly norm: Read | null;
  readonly passed: ReadonlySet<Value>;
}

/** Returns the first norm after a skip on a path that does not pass the sum; an empty list if there is none. */
export function normBehind(setting: Setting, start: Origin, searches: NormSearches): Place[] {
  let search = searches.get(start.value);
  // A search for another sum of the skip is the same one if it passed neither sum.
  const isSame =
    search?.start.scope === start.scope &&
    search.start.axes === start.axes &&
    !search.passed.has(search.start.until!) &&
    !search.passed.has(start.until!);
  if (!isSame) {
    const passed = new Set<Value>();
    search = { start, norm: nextRead(setting, start, true, passed), passed };
    searches.set(start.value, search);
  }
  return search?.norm ? [search.norm] : [];
}

/** Returns the first node after a value, in order, that reads features, or with `normsOnly` norms them; or null. */
export function nextRead(
  setting: Setting,
  { value, axes, scope, until }: Origin,
  normsOnly = false,
  passed = new Set<Value>(),
): Read | null {
  let looks = normsOnly ? NEAR : LOOKS;
  /** Returns the nearest readers of a value: its uses are in the order of the nodes. */
  const readersOf = (at: Seen): Reader[] => {
    if (passed.has(at.value)) return [];
    passed.add(at.value);
    if (at.value === until) return [];
    const readers: Reader[] = [];
    // Of several paths to one node, that which keeps most axes comes first: to x / σ that of x.
    const lost = at.axes.filter((axis) => axis === null).length / (at.axes.length + 1);
    for (const use of at.value.uses) {
      if (readers.length >= looks) break;
      if (use.node.scope === scope && !readsShapeOnly(use.node))
        readers.push({ use, axes: at.axes, joined: at.joined, order: use.node.index + lost });
    }
    return readers;
  };
  let next: Reader[] = [];
  const starts = readersOf({ value, axes });
  const nearest = bestFirst(starts, () => next, orderOf);
  for (const { use, axes: there, joined } of nearest) {
    if (--looks < 0) return null;
    const { node } = use;
    const { reads, writes, norm } = evidence(setting, node);
    const place = reads && placeAlong(reads, there);
    if (place && (norm || !normsOnly)) {
      const { axis, size, mask } = place;
      return { axis, size, mask, node, norm };
    }
    // A norm of several axes that a Reshape has joined shows none of them.
    const shows = (reads !== null && !(norm && joined)) || (normsOnly && writes !== null);
    next = (shows ? [] : outputsOf(node)).flatMap((output) =>
      readersOf({ value: output, ...beyond(setting, { use, axes: there, joined }, output) }),
    );
  }
  return null;
}

/** Returns where axes are after a node. A Reshape that splits what the last one joined restores them. */
function beyond(
  setting: Setting,
  { use: { node, index }, axes, joined }: Omit<Reader, "order">,
  output: Value,
): Omit<Seen, "value"> {
  const shapeOf = (value: Value) => setting.types.get(value)?.shape ?? [];
  const [shape, to] = [shapeOf(node.inputs[index]!), shapeOf(output)];
  const { layout } = setting.traits(node);
  if (layout && joined && shape.length < to.length && sameShape(joined.shape, to)) return joined;
  const through = inverse(axesThrough(setting, node, index, output), to.length);
  const last = layout && shape.length > to.length ? { shape, axes } : undefined;
  return { axes: compose(through, axes), joined: layout ? last : joined };
}

/** A value on a search, and its axes as those of the value where the search began. */
export interface Seen {
  readonly value: Value;
  readonly axes: AxisMap;
  /** Whether sizes changed in between. */
  readonly isResized?: boolean;
  /** The shape and axes before a Reshape joined some of them. */
  readonly joined?: { readonly shape: readonly Dimension[]; readonly axes: AxisMap } | undefined;
}

const orderOf = ({ order }: Reader) => order;

/** A reader of such a value, the value's axes, and where the reader stands among others. */
interface Reader extends Omit<Seen, "value"> {
  readonly use: Use;
  readonly order: number;
}
