import type { Node, Value } from "../../src/graph/graph.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedBy, computedSources, inFloats, traits } from "./operators.ts";
import type { Setting } from "./residual.ts";

/** Maximum number of values that a mask is computed from. */
const LOOKS = 64;

/**
 * Returns what a product masks: its factor of full shape, if the other factor is broadcast and
 * comes neither from it nor from any weights, such as a mask of lengths. Returns null for any other
 * node.
 */
export function maskedBy(setting: Setting, node: Node): Value | null {
  const factors = inFloats(node.op) === "Mul" ? computedBy(setting.constants, node) : [];
  const sizeOf = (value: Value | null) => setting.types.get(value!)?.shape?.join();
  const whole = factors.filter((value) => sizeOf(value) === sizeOf(node.outputs[0]));
  if (factors.length !== 2 || whole.length !== 1) return null;
  const [x] = whole;
  const mask = factors.find((value) => value !== x)!;
  return isWeightless(setting, mask, x) ? x : null;
}

function isWeightless(setting: Setting, mask: Value, x: Value): boolean {
  let looks = 0;
  for (const value of walk([mask], (at) => computedSources(setting, at))) {
    if (value === x || ++looks > LOOKS) return false;
    if (value.producer && traits(setting, value.producer).mixer) return false;
  }
  return true;
}
