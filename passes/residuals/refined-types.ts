import { numbersOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Types, Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import { type Dimension, range, type Type } from "../../src/onnx/dtypes.ts";

/**
 * Returns types with sizes that inference left open. They are those of what is added or multiplied,
 * and constants at the ends of a computed reshape target, as Keras writes a dense layer.
 */
export function refinedTypes(graph: Graph, types: Types): Types {
  const refined = new Map<Value, Type>();
  const shapeOf = (value: Value | null | undefined) =>
    value ? (refined.get(value) ?? types.get(value))?.shape : null;
  for (const node of graphNodes(graph)) {
    const [output] = node.outputs;
    const type = output && types.get(output);
    // Inference may lose the rank of a quantized value.
    if (type?.shape?.length === 0 && hasFact(node.op, "quantizer")) {
      const from = shapeOf(node.inputs[0]);
      if (from && from.length > 0) refined.set(output!, { ...type, shape: from });
    }
    if (!type?.shape?.includes("")) continue;
    const told = toldBy(node, type.shape.length, shapeOf);
    if (told?.some((size, axis) => size !== null && type.shape![axis] === ""))
      refined.set(output!, {
        ...type,
        shape: type.shape.map((dim, k) => (dim === "" ? (told[k] ?? "") : dim)),
      });
  }
  return refined.size > 0 ? new Map([...types, ...refined]) : types;
}

type Sizes = readonly (Dimension | null)[];

/** Returns the sizes of a node's result that follow from its operands; null if there are none. */
function toldBy(
  { op, inputs }: Node,
  rank: number,
  shapeOf: (value: Value | null | undefined) => readonly Dimension[] | null | undefined,
): Sizes | null {
  if (op === "Reshape") return ofTarget(inputs[1], rank);
  if (op === "Expand") {
    const own = shapeOf(inputs[0]) ?? [];
    return ofTarget(inputs[1], rank).map((size, axis) =>
      size === 1 ? (own[axis - rank + own.length] ?? 1) : size,
    );
  }
  if ((hasFact(op, "keeps", "norm") && !hasFact(op, "broadcasts")) || hasFact(op, "quantizer")) {
    const shape = shapeOf(inputs[0]);
    return shape?.length === rank ? shape : null;
  }
  if (!hasFact(op, "broadcasts")) return null;
  const shapes = inputs.map(shapeOf);
  return range(rank).map((axis) => {
    const sizes = shapes.map((shape) => shape?.[axis - rank + shape.length]);
    return sizes.find((size) => typeof size === "number" && size > 1) ?? null;
  });
}

/** Returns the constant sizes at the ends of a reshape target that a Concat assembles. */
function ofTarget(target: Value | null | undefined, rank: number): Sizes {
  const pieces = target?.producer?.op === "Concat" ? target.producer.inputs.map(numbersOf) : [];
  const open = pieces.indexOf(null);
  const first = pieces.slice(0, open < 0 ? pieces.length : open).flat();
  const last = pieces.slice(pieces.lastIndexOf(null) + 1).flat();
  const sizesAt = (axis: number) => [last[axis - rank + last.length], first[axis]];
  return range(rank).map((axis) => sizesAt(axis).find((size) => size! > 0) ?? null);
}
