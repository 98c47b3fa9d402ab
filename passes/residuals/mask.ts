import { numbersOf } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { inFloats } from "../../src/graph/operators.ts";
import { behind, walk } from "../../src/graph/walk.ts";
import { computedBy, computedSources } from "./operators.ts";
import type { Setting } from "./residual.ts";

/** Maximum number of values that a mask is computed from. */
const LOOKS = 64;

/** A product by a mask: what it masks, and the mask. */
interface Masking {
  readonly x: Value;
  readonly mask: Value;
}

/**
 * Returns what a product masks, and the mask; null for any other node. The masked factor has the
 * product's shape. The other, such as a mask of lengths, is broadcast and comes neither from it nor
 * from weights.
 */
export function maskingOf(setting: Setting, node: Node): Masking | null {
  if (inFloats(node.op) !== "Mul") return null;
  const factors = computedBy(setting.constants, node);
  const sizeOf = (value: Value | null) => setting.types.get(value!)?.shape?.join();
  const whole = factors.filter((value) => sizeOf(value) === sizeOf(node.outputs[0]));
  if (factors.length !== 2 || whole.length !== 1) return null;
  const [x] = whole;
  const mask = factors.find((value) => value !== x)!;
  let looks = 0;
  for (const value of walk([mask], (at) => computedSources(setting, at))) {
    if (value === x || ++looks > LOOKS) return null;
    if (value.producer && setting.traits(value.producer).mixer) return null;
  }
  return { x, mask };
}

/** Whether one mask is 1 exactly if the other is 0: it is the other's Not, or 1 less the other. */
export const isComplement = (setting: Setting, a: Value, b: Value): boolean =>
  isOpposite(setting, a, b) || isOpposite(setting, b, a);

function isOpposite(setting: Setting, mask: Value, other: Value): boolean {
  const { producer } = beforeLayout(setting, mask);
  const [first, second] = producer?.inputs ?? [];
  const isFromOne = producer?.op === "Sub" && numbersOf(first)?.every((number) => number === 1);
  const from = producer?.op === "Not" ? first : isFromOne ? second : null;
  return from != null && beforeLayout(setting, from) === beforeLayout(setting, other);
}

/** Returns the value from which layout operators and casts made this one. */
export const beforeLayout = (setting: Setting, value: Value): Value =>
  behind(value, (node) => setting.traits(node).layout);
