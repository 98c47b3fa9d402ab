import { numbersOf } from "../../src/graph/constants.ts";
import type { Use } from "../../src/graph/graph.ts";
import type { KnownGraph } from "./linear-layer.ts";

/** An entry of a constant in a list of sizes: the slot that reads the constant, and its place. */
export interface ShapeEntry {
  readonly use: Use;
  readonly entry: number;
  readonly size: number;
}

/** Returns the entries of a list of sizes that are constant, and null where one is computed. */
export function shapeEntries(known: KnownGraph, use: Use): (ShapeEntry | null)[] | null {
  const value = use.node.inputs[use.index];
  if (!value) return null;
  const numbers = numbersOf(known.graph, value);
  if (numbers) return numbers.map((size, entry) => ({ use, entry, size }));
  const { producer } = value;
  if (producer?.op === "Identity" || producer?.op === "Cast")
    return shapeEntries(known, { node: producer, index: 0 });
  const parts = producer?.op === "Concat" ? producer.inputs : [];
  if (parts.length === 0) {
    const length = known.types.get(value)?.shape?.[0];
    return typeof length === "number" ? Array(length).fill(null) : null;
  }
  const entries = parts.map((_, index) => shapeEntries(known, { node: producer!, index }));
  return entries.every((part) => part !== null) ? entries.flat() : null;
}
