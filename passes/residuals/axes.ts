import { entry } from "../../src/entry.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, textAttribute, type Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { own } from "../../src/graph/own.ts";
import { type Dimension, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { permOf } from "../lower/products.ts";
import type { Setting } from "./residual.ts";

/** For each axis of one value, the corresponding axis of another; null if there is none. */
export type AxisMap = readonly (number | null)[];

const same = new Map<number, AxisMap>();

/** Returns the map that leaves every axis in its place; the same object for the same rank. */
export const sameAxes = (rank: number): AxisMap => entry(same, rank, () => range(rank));

const isSame = (map: AxisMap, rank: number) => map.length === rank && map === sameAxes(rank);

/** Returns the map that applies `a`, then `b`. */
export const compose = (a: AxisMap, b: AxisMap): AxisMap =>
  isSame(a, b.length) ? b : a.map((axis) => (axis === null ? null : (b[axis] ?? null)));

/** Returns the inverse of a map; `rank` is that of the value it maps to. */
export function inverse(map: AxisMap, rank: number): AxisMap {
  if (isSame(map, rank)) return map;
  const back: (number | null)[] = new Array(rank).fill(null);
  for (const [from, to] of map.entries()) if (to !== null && to < rank) back[to] = from;
  return back;
}

/** A node, one of its inputs by its index, and the shapes of that input and of the output. */
interface Step {
  readonly node: Node;
  readonly input: number;
  readonly from: readonly Dimension[];
  readonly to: readonly Dimension[];
}

/**
 * Returns where each axis of a node's input is in its output. Layout operators move axes.
 * Elementwise operators align them from the right, but an axis of size 1 that is broadcast has no
 * counterpart. Other operators of equal rank leave axes in place. Returns an empty map if a shape
 * is not known.
 */
export function axesThrough(
  { types }: Pick<Setting, "types">,
  node: Node,
  input: number,
  output: Value,
): AxisMap {
  const from = types.get(node.inputs[input]!)?.shape;
  const to = types.get(output)?.shape;
  if (!from || !to) return [];
  const rule = own(AXES, node.op) ?? (hasFact(node.op, "reduces") ? reduction : elementwise);
  return rule({ node, input, from, to });
}

function elementwise({ from, to }: Step): AxisMap {
  const aligned = alignRight(from.length, to.length);
  const spreads = (k: number | null, axis: number) => k !== null && from[axis] === 1 && to[k] !== 1;
  return aligned.some(spreads) ? aligned.map((k, axis) => (spreads(k, axis) ? null : k)) : aligned;
}

function reduction({ node, from, to }: Step): AxisMap {
  const reduced = axesOf(node, from.length) ?? [...from.keys()];
  return from.length === to.length
    ? sameAxes(from.length).map((k) => (reduced.includes(k!) ? null : k))
    : byRemoval(from.length, reduced);
}

function product({ node, input, from, to }: Step): AxisMap {
  const summed = input === 0 ? to.length - 1 : to.length - 2;
  const multiplied = alignRight(from.length, to.length).map((k) => (k === summed ? null : k));
  const flag = (name: string) => attribute(node, name)?.i ?? 0;
  const perm = permOf(flag, input === 0 ? "A" : "B", from.length);
  return compose(inverse(perm, from.length), multiplied);
}

function einsum({ node, input, from, to }: Step): AxisMap {
  const [inputs, output] = textAttribute(node, "equation")!.replaceAll(" ", "").split("->");
  if (/\./.test(inputs) || output === undefined) return alignRight(from.length, to.length);
  return [...(inputs.split(",")[input] ?? "")].map((label) =>
    output.includes(label) ? output.indexOf(label) : null,
  );
}

/** The axes of a value laid out in blocks of channels: those of the plain one, channels last if so stated. */
function blocked({ node, from }: Step): AxisMap {
  const plain = sameAxes(from.length);
  if (attribute(node, "channels_last")?.i !== 1) return plain;
  return [0, from.length - 1, ...plain.slice(1, -1)];
}

const reshape = ({ from, to }: Step): AxisMap => byShape(from, to);
const scattered = ({ from }: Step): AxisMap => from.map(() => null);

/** Where operators move axes that do not act element by element. */
const AXES: Readonly<Record<string, (step: Step) => AxisMap>> = {
  Transpose: ({ node, from }) =>
    inverse(attribute(node, "perm")?.ints ?? [...from.keys()].reverse(), from.length),
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: ({ node, from }) => {
    const ones = [...from.keys()].filter((axis) => from[axis] === 1);
    return byRemoval(from.length, axesOf(node, from.length) ?? ones);
  },
  Unsqueeze: ({ node, from, to }) =>
    inverse(byRemoval(to.length, axesOf(node, to.length) ?? []), from.length),
  Gather: ({ node, input, from, to }) => {
    if (input !== 0) return [];
    const axis = placeOfAxis(attribute(node, "axis")?.i ?? 0, from.length);
    const gain = to.length - from.length;
    return sameAxes(from.length).map((k) => (k === axis ? null : k! > axis ? k! + gain : k));
  },
  MatMul: product,
  "com.microsoft.FusedMatMul": product,
  Einsum: einsum,
  "com.microsoft.nchwc.ReorderInput": (step) => inverse(blocked(step), step.from.length),
  "com.microsoft.nchwc.ReorderOutput": blocked,
  DepthToSpace: scattered,
  SpaceToDepth: scattered,
};

/** Returns the axes that an operator takes as an attribute or, in newer opsets, as an input. */
function axesOf(node: Node, rank: number): number[] | null {
  const axes = attribute(node, "axes")?.ints ?? numbersOf(node.inputs[1]);
  return axes?.map((axis) => placeOfAxis(axis, rank)) ?? null;
}

function byRemoval(rank: number, removed: readonly number[]): AxisMap {
  let next = 0;
  return sameAxes(rank).map((axis) => (removed.includes(axis!) ? null : next++));
}

function alignRight(from: number, to: number): AxisMap {
  const moved = (axis: number) => (axis + to - from >= 0 ? axis + to - from : null);
  return from === to ? sameAxes(from) : range(from).map(moved);
}

/**
 * Maps axes through a reshape: those that are equal at the left and right ends. In between, it maps
 * those of one size with as many elements after them or, if that is unknown, before them.
 */
function byShape(from: readonly Dimension[], to: readonly Dimension[]): AxisMap {
  const map: (number | null)[] = from.map(() => null);
  const least = Math.min(from.length, to.length);
  const equal = (a: Dimension, b: Dimension) => a === b && a !== "";
  let left = 0;
  while (left < least && equal(from[left], to[left])) map[left] = left++;
  for (let k = 1; k <= least - left && equal(from.at(-k)!, to.at(-k)!); k++)
    map[from.length - k] = to.length - k;
  for (const [axis, dim] of from.entries()) {
    if (map[axis] !== null || typeof dim !== "number" || dim === 1) continue;
    const target = [...to.keys()].find((k) => to[k] === dim && isPlace(from, axis, to, k));
    if (target !== undefined && !map.includes(target)) map[axis] = target;
  }
  return map;
}

/** Whether an axis of one shape corresponds to an axis of another that holds the same elements. */
function isPlace(from: readonly Dimension[], axis: number, to: readonly Dimension[], k: number) {
  const [after, afterThat] = [volume(from.slice(axis + 1)), volume(to.slice(k + 1))];
  const known = !after.includes("?") && !afterThat.includes("?");
  return known ? after === afterThat : volume(from.slice(0, axis)) === volume(to.slice(0, k));
}

/** Returns a product of sizes; unknown ones are represented by their names. */
const volume = (dims: readonly Dimension[]) =>
  [
    dims.reduce<number>((product, dim) => (typeof dim === "number" ? product * dim : product), 1),
    ...dims.flatMap((dim) => (typeof dim === "number" ? [] : dim || "?")).sort(),
  ].join(" ");

/** Whether an operand has fewer axes, or size 1 along an axis (not the first) that is larger in the result. */
export const isSpread = (operand: readonly Dimension[], result: readonly Dimension[]) =>
  operand.length < result.length ||
  operand.some((dim, axis) => axis > 0 && dim === 1 && result[axis] !== 1);

/** Whether shapes can be equal. A size without a name matches any; a named one matches any except 1. */
export const sameShape = (a: readonly Dimension[], b: readonly Dimension[]) =>
  a.length === b.length &&
  a.every(
    (dim, k) =>
      dim === b[k] ||
      dim === "" ||
      b[k] === "" ||
      (dim !== 1 && b[k] !== 1 && !(typeof dim === "number" && typeof b[k] === "number")),
  );
