import type { Node, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { computedBy, inFloats, traits } from "./operators.ts";
import type { Setting } from "./residual.ts";

/**
 * Whether a value, up to a bias or factor, is read only by the Sigmoid of a gate between other
 * values, like W f(x) + U x in a gated unit. In an LSTM's cell a Tanh stands beside its Sigmoids.
 */
export function opensGate(setting: Setting, value: Value): boolean {
  const seen = new Set<Value>([value]);
  let opens = false;
  for (const at of seen) {
    if (at.isOutput || at.uses.length === 0) return false;
    for (const { node } of at.uses) {
      const outputs = node.outputs.filter((output) => output !== null);
      if (/^((Hard)?Sigmoid|Tanh)$/.test(inFloats(node.op))) {
        if (!outputs.some((output) => gates(setting, output))) return false;
        opens ||= node.op !== "Tanh";
      } else {
        const { layout, scale } = traits(setting, node);
        if (!layout && !scale && !isShift(setting, node)) return false;
        for (const output of outputs) seen.add(output);
      }
    }
  }
  return opens;
}

/** Whether a value, or one minus it, multiplies another computed value. */
function gates(setting: Setting, value: Value): boolean {
  return value.uses.some(({ node }) => {
    const [output] = node.outputs;
    if (inFloats(node.op) === "Mul" && computedBy(setting.constants, node).length > 1) return true;
    const { layout } = traits(setting, node);
    return output != null && (layout || isShift(setting, node)) && gates(setting, output);
  });
}

const ADDITIONS = operatorsThat("addition");

const isShift = ({ constants }: Setting, node: Node) =>
  ADDITIONS.has(node.op) && computedBy(constants, node).length === 1;
