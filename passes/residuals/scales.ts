import { type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { sameShape } from "./axes.ts";
import { computedBy } from "./operators.ts";
import type { Paths } from "./paths.ts";
import type { Trial } from "./reach.ts";
import type { Link, Setting } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";

/** Maximum number of values that a search visits. */
const LOOKS = 2000;

/**
 * Whether a sum joins two scales. It does if its skip comes from another scale, or if positions are
 * repeated on one side only. It also does if a smaller map with its own stream is enlarged and
 * added, as in an hourglass. A branch that is reduced and enlarged again without such a stream is
 * an ordinary branch.
 */
export function isMerge(trial: Trial, link: Link, paths: readonly Paths[]): boolean {
  if (paths.some((path) => path.repeated !== link.repeated)) return true;
  if (paths.every((path) => path.upsampled === link.upsampled)) return false;
  if (link.upsampled || link.kind === "projected") return true;
  if (!paths.every((path) => path.upsampled)) return true;
  return (
    trial.others.some(({ value }) => visitsScale(trial, link.value, value)) || isJoinedAgain(trial)
  );
}

/** Whether x is enlarged before anything else on a path to a branch's end, or a smaller map has its own sum. */
function visitsScale({ setting, node }: Trial, x: Value, end: Value): boolean {
  const between = (value: Value) =>
    sourcesOf(value).filter((input) => input !== x && setting.reach.paths(x, input, node));
  for (const value of walk([end], between, LOOKS)) {
    const { producer } = value;
    if (!producer) continue;
    const path = setting.reach.paths(x, value, node);
    if (path?.upsampled === false && skipOf(setting, producer)) return true;
    const [from] = producer.inputs;
    const before = from && setting.reach.paths(x, from, node);
    if (before && !before.reduced && setting.traits(producer).upsampling) return true;
  }
  return false;
}

/** Returns a term that a sum's other terms are computed from with weights; otherwise null. */
function skipOf(setting: Setting, node: Node): Value | null {
  const terms = hasFact(node.op, "sum") ? computedBy(setting.constants, node) : [];
  const shapeOf = (value: Value) => setting.types.get(value)?.shape;
  const whole = terms.filter((term) => {
    const [own, first] = [shapeOf(term), shapeOf(terms[0])];
    return own && first && sameShape(own, first) && isFloat(setting.types.get(term)?.dtype);
  });
  if (terms.length < 2 || whole.length < terms.length) return null;
  for (const term of terms) {
    const leads = ({ value, kind }: Link) =>
      kind !== "projected" &&
      terms.every((other) => other === term || setting.reach.paths(value, other, node)?.mixed);
    for (const link of skipChain(setting, term)) if (leads(link)) return link.value;
  }
  return null;
}

/** Whether a sum is enlarged later and added to a map that it is computed from, as in a decoder. */
function isJoinedAgain({ setting, node: sum }: Trial): boolean {
  const readersOf = ({ uses }: Value) =>
    uses.map(({ node }) => node).filter((node) => node.scope === sum.scope);
  const enlarges = (node: Node) => setting.traits(node).upsampling;
  const made = (nodes: readonly Node[]) => nodes.flatMap(outputsOf);
  const keep = (value: Value) => made(readersOf(value).filter((node) => !enlarges(node)));
  const kept = [...walk(outputsOf(sum), keep, LOOKS)];
  const enlarged = made(kept.flatMap(readersOf).filter(enlarges));
  const later = walk(enlarged, (value) => made(readersOf(value)), LOOKS);
  return [...later].flatMap(readersOf).some((node) => {
    const earlier = skipOf(setting, node);
    return earlier && outputsOf(sum).some((value) => setting.reach.paths(earlier, value, node));
  });
}
