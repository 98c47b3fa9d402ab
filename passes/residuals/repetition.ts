import { attribute, type Node } from "../../src/graph/graph.ts";
import type { Types } from "../../src/graph/types.ts";
import type { Dimension } from "../../src/onnx/shape.ts";
import { placeOfAxis } from "./axes.ts";

/**
 * Whether a node lengthens a map by repeating its positions: Tile, Expand (before a Reshape that
 * joins the new axis), Gather of more indices than positions, or Concat of a value with itself.
 * Spreading a single position over all, like a global context, is not repetition.
 */
export function repeats(types: Types, node: Node): boolean {
  const from = types.get(node.inputs[0]!)?.shape;
  const to = types.get(node.outputs[0]!)?.shape;
  if (!from || !to) return false;
  switch (node.op) {
    case "Tile":
    case "Expand": {
      const gain = to.length - from.length;
      return [...from.keys()].some((k) => grows(from, k, to[k + gain]));
    }
    case "Gather": {
      const axis = wrap(node, from.length);
      const more = to.length === from.length && isMore(to[axis], from[axis]);
      return more && grows(from, axis, to[axis]);
    }
    case "Concat": {
      const twice = new Set(node.inputs).size < node.inputs.length;
      return twice && isPositions(wrap(node, to.length), to.length);
    }
    default:
      return false;
  }
}

const wrap = (node: Node, rank: number) => placeOfAxis(attribute(node, "axis")?.i ?? 0, rank);

const isMore = (a: Dimension, b: Dimension) =>
  typeof a === "number" && typeof b === "number" && a > b;

/** Whether a growing axis repeats positions: one that has several, or a new one beside it. */
function grows(from: readonly Dimension[], axis: number, size: Dimension): boolean {
  if (axis === 0 || from[axis] === size) return false;
  if (from[axis] !== 1) return isPositions(axis, from.length) && isMore(size, from[axis]);
  return from.filter((dim, k) => k > 0 && dim !== 1).length > 1;
}

/** Whether an axis holds positions, as far as the rank shows: neither examples nor features. */
const isPositions = (axis: number, rank: number) => (rank === 3 ? axis === 1 : axis > 1);
