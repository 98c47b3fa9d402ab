import type { Builder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, knownSizes, type Node, type Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { own, rows } from "../../src/graph/own.ts";
import { walk } from "../../src/graph/walk.ts";
import { elements, isFloat, placeOfAxis, range, type Type } from "../../src/onnx/dtypes.ts";
import { type Activation, activationAt, type Search } from "./activation.ts";

/** A value at which the path back from an output ends. */
export interface Leaf {
  readonly value: Value;
  /** Its class axis; null if the loss has none. */
  readonly axis: number | null;
  /** The activation that makes it, if the loss looks for it. */
  readonly activation: Activation | null;
}

/** The path back from an output through operators that keep or join values. */
interface Traced {
  readonly leaves: readonly Leaf[];
  /** Writes the same path again, starting from other values of its leaves' shapes. */
  readonly write: (builder: Builder, from: (leaf: Leaf) => string) => string;
}

type Shape = NonNullable<Type["shape"]>;

/**
 * Follows a value back to the activations that make its elements, through casts, shapes, slices,
 * joins and clips for numerical safety. Each element must stay the activation's result, and the
 * class axis whole.
 */
export function traced(search: Search, value: Value, axis: number | null): Traced {
  const node = value.producer;
  const activation = activationAt(search, value, axis);
  if (!activation && node && !node.callee) {
    const rule = own(KEEPING, node.op);
    const result = rule?.({ ...search, node, value, axis });
    if (result) return result;
  }
  const leaf: Leaf = { value, axis, activation };
  return { leaves: [leaf], write: (_, from) => from(leaf) };
}

/** Returns the calls of the model's own functions at which the path back from a value ends. */
export function callsBehind(value: Value): Node[] {
  const kept = ({ producer: node }: Value) => {
    if (!node || node.callee || !(node.op in KEEPING)) return [];
    const joined = node.op === "Concat" ? node.inputs : node.inputs.slice(0, 1);
    return joined.filter((input) => input !== null);
  };
  return [...walk([value], kept)].flatMap(({ producer }) => (producer?.callee ? [producer] : []));
}

interface At extends Search {
  readonly node: Node;
  readonly value: Value;
  readonly axis: number | null;
}

type Rule = (at: At) => Traced | null;

const shapeOf = ({ types }: Search, value: Value | null | undefined): Shape | null =>
  (value && types.get(value)?.shape) || null;

/** Returns the path of the first input, with another operator at its end. */
function after(
  at: At,
  axis: number | null,
  more: (builder: Builder, x: string) => string,
): Traced | null {
  const input = at.node.inputs[0];
  if (!input) return null;
  const { leaves, write } = traced(at, input, axis);
  return { leaves, write: (builder, from) => more(builder, write(builder, from)) };
}

const same: Rule = (at) => after(at, at.axis, (_, x) => x);

const cast: Rule = (at) =>
  isFloat(at.types.get(at.node.inputs[0]!)?.dtype) && isFloat(at.types.get(at.value)?.dtype)
    ? same(at)
    : null;

/** Operators that change only the shape of their operand. */
function reshaped(at: At): Traced | null {
  const [from, to] = [at.node.inputs[0], at.value].map((value) => knownSizes(at.types, value));
  if (!from || !to) return null;
  const axis = at.axis === null ? null : from.findIndex((_, k) => sameAxis(from, k, to, at.axis!));
  return axis === -1 ? null : after(at, axis, ({ to: write }, x) => write.reshape(x, to));
}

/** Whether an axis of one shape corresponds to that of another with the same elements in order. */
function sameAxis(from: readonly number[], k: number, to: readonly number[], l: number): boolean {
  if (`${from}` === `${to}`) return k === l;
  return from[k] === to[l] && elements(from.slice(0, k)) === elements(to.slice(0, l));
}

/** Maximum distance of a bound from 0 or 1 that only keeps a logarithm finite. */
const SAFETY = 1e-3;

/** Matches a Clip, Max or Min whose bounds only keep a logarithm finite. */
function safelyClipped(given: At): Traced | null {
  const at = boundLast(given);
  const { node } = at;
  const bound = (k: number, name: string) =>
    attribute(node, name)?.f ?? (node.inputs[k] ? numbersOf(node.inputs[k])?.[0] : null);
  const low = node.op === "Min" ? null : bound(1, "min");
  const high = node.op === "Max" ? null : bound(node.op === "Min" ? 1 : 2, "max");
  if (low === undefined || high === undefined || node.inputs.length > 3) return null;
  const harmless = (low ?? 0) <= SAFETY && (high ?? 1) >= 1 - SAFETY;
  // Without an activation behind it, a bound belongs to the model's function.
  return harmless ? positivePart(at) : null;
}

function boundLast(at: At): At {
  const { op, inputs } = at.node;
  const turned = op !== "Clip" && inputs.length === 2 && numbersOf(inputs[0]);
  return turned ? { ...at, node: { ...at.node, inputs: [inputs[1], inputs[0]] } } : at;
}

/** Matches what leaves the values of an activation that is never negative as they are. */
function positivePart(at: At): Traced | null {
  const path = same(at);
  return path?.leaves.every(({ activation }) => activation && activation.op !== "LogSoftmax")
    ? path
    : null;
}

function transposed(at: At): Traced | null {
  const rank = shapeOf(at, at.value)?.length;
  if (rank === undefined) return null;
  const given = attribute(at.node, "perm")?.ints;
  const perm = given?.length ? given : range(rank).reverse();
  const axis = at.axis === null ? null : perm[at.axis];
  return after(at, axis, ({ op }, x) => op.Transpose(x, { perm }));
}

function sliced(at: At): Traced | null {
  const { node } = at;
  const rank = shapeOf(at, at.value)?.length ?? 0;
  const { list } = attributesOf(node);
  const [starts, ends, given] = [list("starts", 1), list("ends", 2), list("axes", 3)];
  if (!starts || !ends) return null;
  if (node.inputs[3] && !given) return null;
  const listed = given?.length ? given : range(starts.length);
  const axes = listed.map((axis) => placeOfAxis(axis, rank));
  const steps = node.inputs[4] ? numbersOf(node.inputs[4]) : starts.map(() => 1);
  if (!steps || (at.axis !== null && axes.includes(at.axis))) return null;
  const by = steps.every((step) => step === 1) ? {} : { steps };
  return after(at, at.axis, ({ to }, x) => to.strided(x, { starts, ends, axes, ...by }));
}

function gathered(at: At): Traced | null {
  const [data, indices] = at.node.inputs;
  const [from, by] = [shapeOf(at, data), shapeOf(at, indices)];
  if (!from || !by) return null;
  const axis = placeOfAxis(attribute(at.node, "axis")?.i ?? 0, from.length);
  const last = axis + by.length - 1;
  if (at.axis !== null && at.axis >= axis && at.axis <= last) return null;
  const before = at.axis === null || at.axis < axis ? at.axis : at.axis - by.length + 1;
  return after(at, before, ({ op }, x) => op.Gather(x, indices!.name, { axis }));
}

/** Matches an output of a Split along another axis than the classes'. */
function piece(at: At): Traced | null {
  const from = knownSizes(at.types, at.node.inputs[0]);
  if (!from) return null;
  const axis = placeOfAxis(attribute(at.node, "axis")?.i ?? 0, from.length);
  const index = at.node.outputs.indexOf(at.value);
  const sizes = at.node.outputs.map((output) => knownSizes(at.types, output)?.[axis]);
  if (axis === at.axis || sizes.includes(undefined)) return null;
  const start = sizes.slice(0, index).reduce<number>((a, b) => a + b!, 0);
  return after(at, at.axis, ({ to }, x) => to.slice(x, [start], [start + sizes[index]!], [axis]));
}

function expanded(at: At): Traced | null {
  const [from, to] = [at.node.inputs[0], at.value].map((value) => knownSizes(at.types, value));
  if (!from || !to) return null;
  const axis = at.axis === null ? null : at.axis - (to.length - from.length);
  if (axis !== null && (axis < 0 || from[axis] !== to[at.axis!])) return null;
  return after(at, axis, ({ to: write }, x) => write.expand(x, from, to));
}

/** Matches heads that are joined elementwise along another axis than the classes'. */
function joined(at: At): Traced | null {
  const rank = shapeOf(at, at.value)?.length;
  if (rank === undefined) return null;
  const axis = placeOfAxis(attribute(at.node, "axis")?.i ?? 1, rank);
  if (axis === at.axis) return null;
  const parts = at.node.inputs.flatMap((input) => (input ? [traced(at, input, at.axis)] : []));
  return {
    leaves: parts.flatMap(({ leaves }) => leaves),
    write: (builder, from) =>
      builder.op.Concat(
        parts.map((part) => part.write(builder, from)),
        { axis },
      ),
  };
}

/** Matches a float that was quantized to eight bits and back. */
const quantized: Rule = (at) => {
  const from = at.node.inputs[0]?.producer;
  return from?.op === "QuantizeLinear" ? same({ ...at, node: from }) : null;
};

const KEEPING: Readonly<Record<string, Rule>> = {
  ...rows(same, "Dropout Identity"),
  ...rows(reshaped, "Flatten Reshape Squeeze Unsqueeze"),
  ...rows(safelyClipped, "Clip Max Min"),
  Cast: cast,
  Concat: joined,
  DequantizeLinear: quantized,
  Expand: expanded,
  Gather: gathered,
  Relu: positivePart,
  Slice: sliced,
  Split: piece,
  Transpose: transposed,
};
