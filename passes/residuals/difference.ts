import { type Node, outputsOf, textAttribute, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { comesBy } from "./branch-of-x.ts";
import { computedSources } from "./operators.ts";
import { type Setting, type Sum, sumOf, termsAt, weighted } from "./residual.ts";

/** Returns a Sub as a sum: x − f(x) is x plus −1 times f(x). Null for other nodes. */
export function differenceSum(node: Node): Sum | null {
  if (node.op !== "Sub") return null;
  const [from, less] = termsAt(node);
  const sum = less && sumOf("difference", node, [from, weighted(less, -1)]);
  return sum ? { ...sum, rare: true } : null;
}

/** Whether a difference is added to one of its operands again, times a gate or a number or not. */
export function isAddedBack(setting: Setting, { output, terms }: Sum): boolean {
  const next = ({ uses }: Value) =>
    uses.flatMap(({ node }) => {
      const { layout, scale } = setting.traits(node);
      return layout || scale || inFloats(node.op) === "Mul" ? outputsOf(node) : [];
    });
  const isTerm = (input: Value | null) => terms.some(({ value }) => comesBy(setting, input, value));
  for (const { uses } of walk([output], next))
    if (uses.some(({ node }) => hasFact(node.op, "addition") && node.inputs.some(isTerm)))
      return true;
  return false;
}

/** Whether a branch comes from x by numbers, and not only by an index, such as a codebook's nearest entry. */
export function comesInFloats(setting: Setting, branch: Value, x: Value): boolean {
  const isNumber = (value: Value) =>
    isFloat(setting.types.get(value)?.dtype) || hasFact(value.producer?.op, "quantized");
  const back = (value: Value) => computedSources(setting, value).filter(isNumber);
  for (const value of walk([branch], back)) if (value === x) return true;
  return false;
}

/** Whether a scatter adds to a value what is computed from that value with weights. */
export const isScatteredSum = (
  { reach }: Setting,
  { node, terms: [data, updates] }: Sum,
): boolean =>
  textAttribute(node, "reduction") === "add" &&
  updates !== undefined &&
  reach.paths(data.value, updates.value, node)?.mixed === true;
