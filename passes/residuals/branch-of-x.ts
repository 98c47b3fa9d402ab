import type { Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedSources, inFloats, traits } from "./operators.ts";
import type { Trial } from "./reach.ts";
import type { Setting } from "./residual.ts";
import { type Link, skipChain } from "./skip-chain.ts";

const ELEMENTWISE = operatorsThat("elementwise");

/** Whether a branch is a skip itself; decomposed norms are nonlinear, like other norms. */
export function isLinear(setting: Setting, branch: Value, { value: x }: Link): boolean {
  for (const { value } of skipChain(setting, branch)) {
    if (value === x) return true;
    const operator = value.producer && traits(setting, value.producer);
    if (operator?.nonlinear && (operator.layout || operator.projection)) return false;
  }
  return false;
}

/** Whether a value is x itself, at other positions or in another float type. */
export const comesBy = (setting: Setting, value: Value | null | undefined, x: Value) =>
  value != null &&
  [...skipChain(setting, value)].some((link) => link.kind === "identity" && link.value === x);

/** Whether a branch is a multiple of x: x + x·g is x·(1 + g). */
export function isGated(
  setting: Setting,
  branch: Value,
  x: Value,
  seen = new Set<Value>(),
): boolean {
  for (const { value, kind } of skipChain(setting, branch)) {
    if (kind === "projected" || seen.has(value)) return false;
    seen.add(value);
    const node = value.producer;
    if (!node || inFloats(node.op) !== "Mul") continue;
    const factors = node.inputs.filter((v) => v && !setting.constants.has(v));
    if (factors.length !== 2) continue;
    return factors.some(
      (factor) => comesBy(setting, factor, x) || isGated(setting, factor!, x, seen),
    );
  }
  return false;
}

/**
 * Returns a value that reaches the branch without coming from x. It enters elementwise and without
 * broadcasting, which excludes a time embedding, the state of a streaming layer and a mask of
 * attention weights. With a projected skip, both operands descend from one value.
 */
export function foreignRoot(
  { setting: { constants, types }, reach, node }: Pick<Trial, "setting" | "reach" | "node">,
  branch: Value,
  { value: x }: Link,
): Value | null {
  const comesFromX = (value: Value) => reach.paths(x, value, node) !== null;
  const inputsOf = (value: Value) =>
    value === x || inFloats(value.producer?.op ?? "") === "Softmax"
      ? []
      : computedSources({ constants }, value);
  const sizeOf = (value: Value) => types.get(value)?.shape?.join();
  for (const value of walk([branch], (at) => inputsOf(at).filter(comesFromX))) {
    if (!ELEMENTWISE.has(inFloats(value.producer?.op ?? ""))) continue;
    const foreign = inputsOf(value).find(
      (input) => !comesFromX(input) && sizeOf(input) === sizeOf(value),
    );
    if (foreign) return foreign;
  }
  return null;
}
