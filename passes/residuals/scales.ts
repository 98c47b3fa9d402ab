import type { Node, Value } from "../../src/graph/graph.ts";
import { isFloat } from "../../src/graph/types.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { computedBy, traits } from "./operators.ts";
import type { Reach, Way } from "./reach.ts";
import type { Setting, Term } from "./residual.ts";
import { sameShape } from "./same-shape.ts";
import { type Link, skipChain } from "./skip-chain.ts";

/** Maximum number of values that a search visits. */
const LOOKS = 2000;

/** A sum, and the terms of it that are not its skip. */
interface Branches {
  readonly setting: Setting;
  readonly reach: Reach;
  readonly node: Node;
  readonly others: readonly Term[];
}

/**
 * Whether a sum joins two scales. It does if its skip comes from another scale, if positions are
 * repeated on one side only, or if a smaller map with its own stream is enlarged and added, as in
 * an hourglass. A branch that is reduced and enlarged again without such a stream is an ordinary
 * branch.
 */
export function isMerge(
  { setting, reach, node, others: branches }: Branches,
  link: Link,
  ways: readonly Way[],
): boolean {
  if (ways.some((way) => way.repeated !== link.repeated)) return true;
  if (ways.every((way) => way.upsampled === link.upsampled)) return false;
  if (link.upsampled || link.kind === "projected") return true;
  if (!ways.every((way) => way.upsampled)) return true;
  return (
    branches.some(({ value }) => visitsScale(setting, reach, link.value, value, node)) ||
    isJoinedAgain(setting, reach, node)
  );
}

/**
 * Whether the path from x to a branch's end does more than reduce and enlarge: x is enlarged first,
 * or the smaller map has its own residual sum.
 */
function visitsScale(setting: Setting, reach: Reach, x: Value, end: Value, limit: Node): boolean {
  const between = (value: Value) =>
    sourcesOf(value).filter((input) => input !== x && reach.ways(x, input, limit));
  for (const value of walk([end], between, LOOKS)) {
    const { producer } = value;
    if (!producer) continue;
    const way = reach.ways(x, value, limit);
    if (way?.upsampled === false && skipOf(setting, reach, producer)) return true;
    const [from] = producer.inputs;
    const before = from && reach.ways(x, from, limit);
    if (before && !before.reduced && traits(setting, producer).upsampling) return true;
  }
  return false;
}

const SUMS = /^(Add|Sum|com\.microsoft\.Skip.*Normalization)$/;

/**
 * Returns a term from which the sum's other terms are computed with learned weights; otherwise
 * null.
 */
function skipOf(setting: Setting, reach: Reach, node: Node): Value | null {
  const terms = SUMS.test(node.op) ? computedBy(setting.constants, node) : [];
  const shapeOf = (value: Value) => setting.types.get(value)?.shape;
  const whole = terms.filter((term) => {
    const [own, first] = [shapeOf(term), shapeOf(terms[0])];
    return own && first && sameShape(own, first) && isFloat(setting.types.get(term)?.dtype);
  });
  if (terms.length < 2 || whole.length < terms.length) return null;
  for (const term of terms)
    for (const { value, kind } of skipChain(setting, term))
      if (
        kind !== "projected" &&
        terms.every((other) => other === term || reach.ways(value, other, node)?.mixed)
      )
        return value;
  return null;
}

/** Whether a sum is enlarged later and added to a map that it is computed from, as in a decoder. */
function isJoinedAgain(setting: Setting, reach: Reach, { outputs, scope }: Node): boolean {
  const seen = new Map<Value, boolean>();
  const pending: [Value, boolean][] = outputs.flatMap((value) => (value ? [[value, false]] : []));
  for (let at = pending.pop(); at && seen.size < LOOKS; at = pending.pop()) {
    const [value, enlarged] = at;
    if (seen.get(value) === true || seen.get(value) === enlarged) continue;
    seen.set(value, enlarged);
    for (const { node } of value.uses) {
      if (node.scope !== scope) continue;
      if (enlarged) {
        const earlier = skipOf(setting, reach, node);
        if (earlier && outputs.some((sum) => sum && reach.ways(earlier, sum, node))) return true;
      }
      const larger = enlarged || traits(setting, node).upsampling;
      for (const output of node.outputs) if (output) pending.push([output, larger]);
    }
  }
  return false;
}
