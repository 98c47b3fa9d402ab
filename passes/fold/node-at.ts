import { numbersOf } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { isFloat, isHalf } from "../../src/onnx/dtypes.ts";
import { axesThrough } from "../residuals/axes.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import type { At, KnownShape } from "./rules/rule.ts";

/** Whether weights of a type take a factor in. */
export const takesFactors = (dtype: string) => isFloat(dtype) && !isHalf(dtype);

/** Returns the shape of a value. */
export const shapeOf = (
  { types }: Pick<KnownGraph, "types">,
  value: Value | null | undefined,
): KnownShape =>
  (value && types.get(value)?.shape?.map((dim) => (typeof dim === "number" ? dim : null))) ?? null;

/** Returns a node as a scale rule sees it. */
export function nodeAt(facts: KnownGraph, node: Node): At {
  const { graph, constants } = facts;
  const input = (k: number) => node.inputs[k] ?? null;
  return {
    ...attributesOf(graph, node),
    op: node.op,
    opset: graph.file.opsets.get("") ?? 7,
    inputs: node.inputs.length,
    outputs: node.outputs.length,
    has: (k) => input(k) !== null,
    isConstant: (k) => {
      const value = input(k);
      return value !== null && constants.has(value);
    },
    shape: (k) => shapeOf(facts, input(k)),
    outShape: (k) => shapeOf(facts, node.outputs[k]),
    numbers: (k) => numbersOf(graph, input(k)),
    axes: () => axesThrough(facts, node, 0, node.outputs[0]!),
  };
}
