import { range } from "../../src/onnx/dtypes.ts";
import type { WrittenValues } from "./written-values.ts";

/** A piece of a value along one axis, with zeros before and after it. */
interface Piece {
  readonly value: string;
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

/** A piece, and the index of the part that it was found in. */
interface InOrder {
  readonly value: string;
  readonly part: number;
}

/** Returns the piece that a Pad puts between zeros along one axis; null for any other value. */
function pieceOf({ makerOf, intsOf }: WrittenValues, name: string): Piece | null {
  const node = makerOf(name);
  if (node?.op !== "Pad" || node.inputs.length > 2 || "mode" in node.attributes) return null;
  const pads = node.inputs[1] ? intsOf(node.inputs[1]) : null;
  if (!pads || pads.some((count) => count < 0)) return null;
  const rank = pads.length / 2;
  const axes = range(rank).filter((axis) => pads[axis] !== 0 || pads[axis + rank] !== 0);
  if (axes.length !== 1) return null;
  const [axis] = axes;
  return { value: node.inputs[0], axis, before: pads[axis], after: pads[axis + rank] };
}

/**
 * Returns the pieces whose sum, each between zeros, is their concatenation, in order, and the axis:
 * the cotangents of the parts into which a value of these sizes was cut. Null if they leave a gap or
 * overlap.
 */
export function piecesInOrder(
  written: WrittenValues,
  parts: readonly string[],
  sizes: readonly number[],
): { readonly pieces: readonly InOrder[]; readonly axis: number } | null {
  const pieces = parts.map((part) => pieceOf(written, part));
  if (pieces.length < 2 || pieces.includes(null)) return null;
  const inOrder = (pieces as Piece[])
    .map((piece, part) => ({ ...piece, part }))
    .sort((a, b) => a.before - b.before);
  const [{ axis }] = inOrder;
  const size = sizes[axis];
  let end = 0;
  for (const piece of inOrder) {
    if (piece.axis !== axis || piece.before !== end) return null;
    end = size - piece.after;
  }
  return end === size ? { pieces: inOrder, axis } : null;
}
