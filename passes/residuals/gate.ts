import { type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedBy, inFloats, traits } from "./operators.ts";
import type { Setting } from "./residual.ts";

/**
 * Whether a value, up to a bias or factor, is read only by the Sigmoid of a gate between other
 * values, like W f(x) + U x in a gated unit. In an LSTM's cell a Tanh stands beside its Sigmoids.
 */
export function opensGate(setting: Setting, value: Value): boolean {
  const isActivation = ({ op }: Node) => /^((Hard)?Sigmoid|Tanh)$/.test(inFloats(op));
  const carries = (node: Node) => {
    const { layout, scale } = traits(setting, node);
    return layout || scale || isShift(setting, node);
  };
  const next = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (isActivation(node) ? [] : outputsOf(node)));
  let opens = false;
  for (const { isOutput, uses } of walk([value], next)) {
    if (isOutput || uses.length === 0) return false;
    for (const { node } of uses) {
      const isGate = isActivation(node);
      if (isGate ? !outputsOf(node).some((made) => gates(setting, made)) : !carries(node))
        return false;
      opens ||= isGate && node.op !== "Tanh";
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
