import { type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import { sameShape } from "./axes.ts";
import { maskingOf } from "./mask.ts";
import { computedSources } from "./operators.ts";
import type { Setting, Site, Term } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";
import { takenOf } from "./written-out.ts";

/** A site whose layer and stream are not known yet. */
export type Unplaced = { -readonly [K in keyof Site]: Site[K] };

/**
 * Groups sites into streams. A site follows the one whose sum reaches its skip operand through
 * operators that keep the shape and have a single computed input. A decomposed norm or activation
 * counts as one operator; masks and reassembled pieces are passed through. Any other site starts a
 * stream. A stream stays in one scope.
 */
export function putInStreams(setting: Setting, sites: readonly Unplaced[]): void {
  const placed = new Map<Value, Site>();
  let streams = 0;
  for (const site of sites) {
    const before = siteBefore(setting, site, placed);
    site.previous = before;
    site.stream = before ? before.stream : streams++;
    site.position = before ? before.position + 1 : 0;
    for (const output of outputsOf(site.node)) placed.set(output, site);
  }
}

function siteBefore(setting: Setting, { skip }: Site, placed: ReadonlyMap<Value, Site>) {
  const shapeOf = (value: Value) => setting.types.get(value)?.shape ?? [];
  return placedBefore(setting, skip, placed, (from, value) => {
    if (!sameShape(shapeOf(from), shapeOf(skip.value))) return false;
    const step = value.producer?.inputs.includes(from) ? value.producer : null;
    return !step || !mayMove(step, shapeOf(from), shapeOf(value));
  });
}

/**
 * Returns what is placed at a skip, or at the nearest value before it in its scope, by steps that
 * `passes` accepts; or null.
 */
export function placedBefore<Item>(
  setting: Setting,
  { value: skip, use }: Term,
  placed: ReadonlyMap<Value, Item>,
  passes: (from: Value, to: Value) => boolean,
): Item | null {
  let value = skip;
  while (value.scope === use.node.scope) {
    const found = placed.get(value);
    if (found) return found;
    const from = setting.originals.get(value) ?? stepBack(setting, value, placed);
    if (!from || !passes(from, value)) return null;
    value = from;
  }
  return null;
}

/**
 * Whether an operator moves elements or leaves some out. A Transpose always does. Another layout
 * operator or a pool does unless the sizes before and after it are known to be equal.
 */
function mayMove({ op }: Node, from: readonly Dimension[], to: readonly Dimension[]): boolean {
  if (hasFact(op, "keeps", "quantizer")) return false;
  if (!hasFact(op, "layout", "enlarges", "shrinks", "lookup", "reduces")) return false;
  return op === "Transpose" || to.some((dim, axis) => dim === "" || dim !== from[axis]);
}

/** Returns the value before one operator, or before a decomposed norm or activation. */
function stepBack(
  setting: Setting,
  value: Value,
  placed: ReadonlyMap<Value, unknown>,
): Value | null {
  const taken = takenOf(setting, value, (at) => placed.has(at));
  if (taken && taken !== value) return taken;
  const node = value.producer;
  const [only, ...others] = computedSources(setting, value);
  const isOnly = others.every((other) => other === only);
  if (node && only && isOnly && !setting.traits(node).mixer) return only;
  return node && (maskingOf(setting, node)?.x ?? piecedOf(setting, node, value));
}

/** Returns the value whose pieces a Concat reassembles; null for any other node. */
function piecedOf(setting: Setting, { op }: Node, value: Value): Value | null {
  if (op !== "Concat") return null;
  const [, whole] = skipChain(setting, value);
  return whole?.kind === "identity" ? whole.value : null;
}
