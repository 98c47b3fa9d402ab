import { numbersOf, tensorOf } from "../graph/constants.ts";
import { attribute, type KnownType, type Node, outputsOf, type Value } from "../graph/graph.ts";
import { type Dimension, isFloat, placeOfAxis, type Type } from "../onnx/dtypes.ts";
import type { Ort } from "../ort/session.ts";
import { sessionTypes } from "./session-types.ts";

/** The input for inferring a segment. */
export interface InferenceScope {
  readonly ort: Ort;
  readonly known: KnownType;
  /** Types that the model states for the scope's values, by name. */
  readonly stated: ReadonlyMap<string, Type>;
  /** Index in its scope of the first node after the segment. */
  readonly end: number;
}

/** Maximum number of sessions per segment while reshapes hide the rank of later values. */
const ROUNDS = 200;

/**
 * Infers the types of the segment's values. If ONNX loses the rank of some, hints supply it, and
 * the remaining nodes are inferred again.
 */
export async function inferSegment(
  scope: InferenceScope,
  nodes: readonly Node[],
): Promise<Map<Value, Type>> {
  const hinted = new Map<Value, Type>();
  const known = (value: Value) => hinted.get(value) ?? scope.known(value);
  for (let round = 0; ; round++) {
    const open = nodes.filter(({ outputs: [output] }) => !output || !hinted.has(output));
    if (open.length === 0) return hinted;
    const types = await typesOfNodes({ ...scope, known }, open);
    const before = hinted.size;
    const inner = { ...scope, known: (value: Value) => types.get(value) ?? scope.known(value) };
    for (const node of open) {
      const [output] = node.outputs;
      const type = output && types.get(output);
      if (!type || type.shape?.length) continue;
      const shape = hintedShape(node, inner);
      if (shape?.length) hinted.set(output, { ...type, shape });
    }
    if (hinted.size === before || round === ROUNDS) return new Map([...hinted, ...types]);
  }
}

/**
 * Returns the shape of a node's first output if ONNX loses it, with unknown sizes left open; null
 * if the hint does not apply.
 */
type Hint = (node: Node, scope: InferenceScope) => readonly Dimension[] | null | undefined;

/** Tries the hints in turn; last the stated shape: onnxruntime reports none for tensors from a sequence. */
const hintedShape: Hint = (node, scope) =>
  tensorOfSequence(node, scope) ??
  convolution(node, scope) ??
  reshaped(node, scope) ??
  scope.stated.get(node.outputs[0]!.name)?.shape;

/** Returns the rank of a convolution's weight, because an If may leave that of its operand open. */
function convolution({ op, inputs: [, weight] }: Node, { known }: InferenceScope) {
  const shape = op === "Conv" && weight ? known(weight)?.shape : null;
  return shape && shape.length > 0 ? shape.map((_, k) => (k === 1 ? shape[0] : "")) : null;
}

/** Number of axes above which a stated shape is rejected, because a model may state any length. */
const MAX_RANK = 64;

/** Returns the length of a reshape's target: before opset 13, ONNX needs a constant one. */
function reshaped({ op, inputs }: Node, { known }: InferenceScope) {
  if (op !== "Reshape" && op !== "ConstantOfShape") return null;
  const target = inputs.at(-1);
  const length = target && known(target)?.shape?.[0];
  const usable = typeof length === "number" && length > 0 && length <= MAX_RANK;
  return usable ? new Array<Dimension>(length).fill("") : null;
}

/** Returns the tensor at an index of a SplitToSequence's result. */
function tensorOfSequence({ op, inputs }: Node, scope: InferenceScope) {
  if (op !== "SequenceAt") return null;
  const [sequence, index] = inputs;
  const split = sequence?.producer;
  const shape = split?.op === "SplitToSequence" ? scope.known(split.inputs[0]!)?.shape : null;
  if (!split || !shape) return null;
  const axis = placeOfAxis(attribute(split, "axis")?.i ?? 0, shape.length);
  if (split.inputs[1]) {
    const size = pieceSize(split.inputs[1], index, shape[axis]);
    return shape.map((dim, k) => (k === axis ? size : dim));
  }
  const kept = (attribute(split, "keepdims")?.i ?? 1) === 0 ? [] : [1];
  return shape.flatMap((dim, k) => (k === axis ? kept : [dim]));
}

/** Returns the size of one piece of a split axis; "" if it is unknown. */
function pieceSize(split: Value, index: Value | null, size: Dimension): Dimension {
  const sizes = numbersOf(split) ?? [];
  if (sizes.length === 1)
    return (typeof size === "number" && size % sizes[0] === 0 && sizes[0]) || "";
  const [at] = numbersOf(index) ?? [];
  return (at !== undefined && sizes.at(at)) || "";
}

/**
 * Asks one session on the nodes' skeleton. A reported [] may be a scalar or an unknown rank. A second
 * session decides, if later segments or bodies read the value or its node has two computed inputs.
 */
async function typesOfNodes(
  { ort, end, known }: InferenceScope,
  nodes: readonly Node[],
): Promise<Map<Value, Type>> {
  const { types } = await sessionTypes(ort, known, nodes);
  const unclear = nodes.flatMap(outputsOf).filter((value) => {
    const type = types.get(value);
    const leaves = value.uses.some(({ node }) => node.scope !== value.scope || node.index >= end);
    return type?.shape?.length === 0 && (leaves || (isFloat(type.dtype) && readsTwo(value)));
  });
  if (unclear.length === 0) return types;
  const { ranks } = await sessionTypes(ort, known, nodes, unclear);
  for (const [k, value] of unclear.entries())
    if (ranks[k] !== 0) types.set(value, { ...types.get(value)!, shape: null });
  return types;
}

/** Whether a value is computed from two computed values, which is rare for scalars. */
const readsTwo = ({ producer }: Value) =>
  (producer?.inputs.filter((input) => input?.producer && !tensorOf(input)).length ?? 0) > 1;
