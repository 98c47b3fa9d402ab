import type { InferenceSession } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { numbersOf, tensorOf } from "../graph/constants.ts";
import { attribute, type Graph, type Node, type Value } from "../graph/graph.ts";
import { isFloat } from "../graph/types.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import type { Dimension, Type } from "../onnx/shape.ts";
import { type Ort, withSession } from "../ort/session.ts";
import { isKernelLess, withKeptShapes } from "../ort/unsupported-operators.ts";
import { ownType } from "./own-type.ts";
import { skeleton } from "./skeleton.ts";
import { inferable } from "./stand-in.ts";

/** The values that a node makes. */
export const outputsOf = (node: Node): Value[] => node.outputs.filter((value) => value !== null);

/** Sessions that one segment may take while reshapes hide the rank of what follows. */
const ROUNDS = 200;

/**
 * Types of the segment's values. Before opset 13 ONNX infers a Reshape only from a constant
 * shape, and a convolution never where an If left the rank of its operand open; another operand
 * still tells the rank, with which the rest is asked again, as does what the model states of a value
 * (a sequence's tensors, of which onnxruntime tells no shape).
 */
export async function inferSegment(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  stated: (value: Value) => Type | null,
  end: number,
): Promise<Map<Value, Type>> {
  const ranked = new Map<Value, Type>();
  for (let round = 0; ; round++) {
    const asked = nodes.filter(({ outputs: [output] }) => !output || !ranked.has(output));
    if (asked.length === 0) return ranked;
    const types = await ask(ort, graph, asked, (value) => ranked.get(value) ?? known(value), end);
    const before = ranked.size;
    for (const node of asked) {
      const [output] = node.outputs;
      const type = output && types.get(output);
      if (!type || type.shape?.length) continue;
      const shape =
        shapeByOperand(graph, node, (value) => types.get(value) ?? known(value)) ??
        stated(output)?.shape;
      if (shape?.length) ranked.set(output, { ...type, shape });
    }
    if (ranked.size === before || round === ROUNDS) return new Map([...ranked, ...types]);
  }
}

/** Axes above which what is said to be a shape is none: a model may state any length. */
const MAX_RANK = 64;

/** What a reshape's target, a convolution's weight and a split sequence tell of the shape, sizes left open. */
function shapeByOperand(
  graph: Graph,
  { op, inputs }: Node,
  known: (value: Value) => Type | null,
): readonly Dimension[] | null {
  if (op === "SequenceAt") return shapeOfPart(graph, inputs, known);
  const second = inputs[1] && known(inputs[1])?.shape;
  if (op === "Conv" && second?.length) return second.map((_, k) => (k === 1 ? second[0] : ""));
  if (op !== "Reshape" && op !== "ConstantOfShape") return null;
  const target = inputs.at(-1);
  const length = target && known(target)?.shape?.[0];
  const told = typeof length === "number" && length > 0 && length <= MAX_RANK;
  return told ? new Array(length).fill("") : null;
}

/** The shape of the tensor at a place of what SplitToSequence makes, an unknown size left open. */
function shapeOfPart(
  graph: Graph,
  [sequence, index]: Node["inputs"],
  known: (value: Value) => Type | null,
): Dimension[] | null {
  const split = sequence?.producer;
  const whole = split?.op === "SplitToSequence" ? known(split.inputs[0]!)?.shape : null;
  if (!split || !whole) return null;
  const along = attribute(split, "axis")?.i ?? 0;
  const axis = along < 0 ? along + whole.length : along;
  if (!split.inputs[1])
    return whole.flatMap((dim, k) =>
      k !== axis ? [dim] : (attribute(split, "keepdims")?.i ?? 1) === 0 ? [] : [1],
    );
  const sizes = numbersOf(graph, split.inputs[1]) ?? [];
  const [at] = numbersOf(graph, index) ?? [];
  const [all, equal] = [whole[axis], sizes.length === 1];
  const size = equal ? sizes[0] : at === undefined ? undefined : sizes.at(at);
  const exact = !equal || (typeof all === "number" && all % sizes[0] === 0);
  return whole.map((dim, k) => (k !== axis ? dim : exact && size ? size : ""));
}

/**
 * Types by one session on the nodes' skeleton; by a second one where values that later segments
 * or bodies take, or that two computed ones make, are told as [], which may be a scalar or an
 * unknown rank.
 */
async function ask(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  end: number,
): Promise<Map<Value, Type>> {
  const { found } = await told(ort, graph, nodes, known, []);
  const unclear = nodes
    .flatMap(outputsOf)
    .filter(
      (value) =>
        found.get(value)?.shape?.length === 0 &&
        (value.uses.some(({ node }) => node.scope !== value.scope || node.index >= end) ||
          (isFloat(found.get(value)?.dtype) && madeOfTwo(value))),
    );
  if (unclear.length === 0) return found;
  const { ranks } = await told(ort, graph, nodes, known, unclear);
  for (const [k, value] of unclear.entries())
    if (ranks[k] !== 0) found.set(value, { ...found.get(value)!, shape: null });
  return found;
}

/** Whether a value is computed of two that are computed, which scalars seldom are. */
const madeOfTwo = ({ producer }: Value) =>
  (producer?.inputs.filter((input) => input?.producer && !tensorOf(input)).length ?? 0) > 1;

/**
 * What a session on these nodes' skeleton tells of the values they make, and of the ranks of some
 * of them. Throws where onnxruntime makes none.
 */
export async function told(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  ranked: readonly Value[],
): Promise<{ found: Map<Value, Type>; ranks: readonly unknown[] }> {
  const found = new Map<Value, Type>();
  const made = skeleton(graph, nodes, known, ranked);
  if (made === null) throw new Error("the type of an input is not known");
  const model = nodes.some(isKernelLess) ? withKeptShapes(made.model) : made.model;
  const read = (bytes: Uint8Array, named: (value: Value, reported: string) => string) =>
    withSession(ort, { model: bytes }, "disabled", async (session) => {
      const metadata = outputMetadata(session);
      for (const [k, value] of made.outputs.entries()) {
        const type = typeOf(metadata[k]);
        if (type) found.set(value, { ...type, dtype: named(value, type.dtype) });
      }
      const ranks = metadata.slice(made.outputs.length).map((shape) => typeOf(shape)?.shape?.[0]);
      return { found, ranks };
    });
  try {
    return await read(model, (_, reported) => reported);
  } catch (thrown) {
    // onnxruntime has few kernels for bfloat16 and reports no float8: shapes are those of other types.
    const other = inferable(model);
    if (!other) throw thrown;
    const type = (value: Value) => found.get(value) ?? known(value);
    return read(other.model, (value, reported) => ownType(value, reported, other.held, type));
  }
}

type Metadata = { isTensor: boolean; type?: string; shape?: readonly (number | string | bigint)[] };

function outputMetadata(session: InferenceSession): readonly Metadata[] {
  const { outputMetadata } = session as unknown as { outputMetadata?: readonly Metadata[] };
  if (!outputMetadata)
    throw new InputError("this onnxruntime does not tell the types of outputs; use 1.22 or newer.");
  return outputMetadata;
}

/** Sizes from here on are unknown ones: onnxruntime-web reports -1 as 4294967295. */
const UNKNOWN_SIZE = 2 ** 31;

function typeOf({ isTensor, type, shape }: Metadata): Type | null {
  const dtype = isTensor ? dataTypeNamed(type ?? "")?.name : undefined;
  return dtype ? { dtype, shape: shape?.map(sizeReported) ?? null } : null;
}

/** A dimension as a runtime reports it: a size it cannot have is unknown, whatever its spelling. */
function sizeReported(dim: number | string | bigint): Dimension {
  const size = Number(dim);
  if (dim === "" || Number.isNaN(size)) return String(dim);
  if (!(size >= 0 && size < UNKNOWN_SIZE)) return "";
  return typeof dim === "string" ? dim : size;
}
