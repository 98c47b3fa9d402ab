import { numbersOf } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { isFloat, isHalf } from "../../src/onnx/dtypes.ts";
import { axesThrough } from "../residuals/axes.ts";
import type { KnownGraph } from "../residuals/residual.ts";

/** Whether weights of a type take a factor in. */
export const takesFactors = (dtype: string) => isFloat(dtype) && !isHalf(dtype);

/** Returns the shape of a value, of which a size, or the rank, may be unknown. */
export const shapeOf = (
  { types }: Pick<KnownGraph, "types">,
  value: Value | null | undefined,
): readonly (number | null)[] | null =>
  (value && types.get(value)?.shape?.map((dim) => (typeof dim === "number" ? dim : null))) ?? null;

/** A node as a rule sees it. */
export type At = ReturnType<typeof nodeAt>;

/** Returns a node as a scale rule sees it; inputs and outputs by their places. */
export function nodeAt(facts: KnownGraph, node: Node) {
  const { constants } = facts;
  const input = (k: number) => node.inputs[k] ?? null;
  return {
    ...attributesOf(node),
    op: node.op,
    opset: node.scope.file.opset,
    inputs: node.inputs.length,
    outputs: node.outputs.length,
    has: (k: number) => input(k) !== null,
    /** Whether no data can change an input. */
    isConstant(k: number) {
      const value = input(k);
      return value !== null && constants.has(value);
    },
    shape: (k: number) => shapeOf(facts, input(k)),
    outShape: (k: number) => shapeOf(facts, node.outputs[k]),
    /** The numbers of a small constant input. */
    numbers: (k: number) => numbersOf(input(k)),
    /** Where each axis of the first input is in the first output; empty if a shape is unknown. */
    axes: () => axesThrough(facts, node, 0, node.outputs[0]!),
  };
}
