import { dataType, dataTypeNamed, elements, isHalf, type Type } from "../onnx/dtypes.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { tensorBytes } from "../onnx/model-file.ts";
import { attribute, type Graph, type Node, outputsOf, type Scope, type Value } from "./graph.ts";
import { hasFact } from "./operators.ts";
import { allScopes, weightNamed } from "./scopes.ts";
import { arrayOf } from "./tensor.ts";

/** Whether an operator reads only the shape of its input. */
export const readsShapeOnly = (node: Node) => hasFact(node.op, "sizes");

/**
 * Returns the values that do not depend on any input's data: initializers, Constant nodes, shapes,
 * and everything computed from these alone, in all scopes. `free` names weights that will change.
 * Linear in the number of nodes.
 */
export function constants(graph: Graph, free: ReadonlySet<string> = new Set()): ReadonlySet<Value> {
  const known = new Set<Value>();
  const isKnown = (value: Value | null) => !value || known.has(value);
  const note = (value: Value) => {
    if (free.size === 0 || !free.has(value.name)) known.add(value);
  };
  for (const { values } of allScopes(graph))
    for (const value of values.values()) if (value.initializer) note(value);
  const visit = ({ nodes }: Scope) => {
    for (const node of nodes) {
      const { op, inputs, bodies, captures } = node;
      bodies.forEach(visit);
      if (hasFact(op, "random") || (bodies.length > 0 && op !== "If")) continue;
      // CastLike reads its second input's type alone.
      const read = op === "CastLike" ? inputs.slice(0, 1) : inputs;
      const isFixed =
        read.every(isKnown) &&
        (captures.size === 0 || [...captures].every(isKnown)) &&
        bodies.every(({ outputs }) => outputs.every(isKnown));
      if (isFixed || readsShapeOnly(node)) outputsOf(node).forEach(note);
    }
  };
  [graph.main, ...graph.functions].forEach(visit);
  return known;
}

/** Returns the tensor of an initializer or a Constant node's `value`. */
export function tensorOf(value: Value | null | undefined): TensorMessage | null {
  if (!value) return null;
  if (value.initializer) return "values" in value.initializer ? null : value.initializer;
  const node = value.producer;
  return node?.op === "Constant" ? (attribute(node, "value")?.t ?? null) : null;
}

/** Returns the type of an initializer's or Constant node's tensor. */
export function typeOfTensor(value: Value): Type | null {
  const sparse = value.initializer && "values" in value.initializer ? value.initializer : null;
  const tensor = sparse?.values ?? tensorOf(value);
  const dtype = dataType(tensor?.dataType ?? 0)?.name;
  return tensor && dtype ? { dtype, shape: sparse?.dims ?? tensor.dims } : null;
}

/** Returns the shape of a value's tensor, if it has one. */
export const dimsOf = (value: Value | null | undefined): readonly number[] | null =>
  tensorOf(value)?.dims ?? value?.initializer?.dims ?? null;

/** Returns the raw data of an initializer or Constant by its name. */
export const tensorData = (graph: Graph, name: string): Uint8Array =>
  dataOf(weightNamed(graph, name))!;

/** Returns the raw data of a value's tensor; null if it has none. */
export function dataOf(value: Value | null | undefined): Uint8Array | null {
  const tensor = tensorOf(value);
  return tensor && tensorBytes(value!.scope.file, tensor);
}

/** Number of elements above which a constant is not read for matching. */
const SMALL = 64;

/**
 * Returns the numbers of a small constant: an initializer, a Constant node in any form, or one of
 * these through operators that keep all elements in their order. Returns null if it is larger, is
 * not numeric, or must be computed.
 */
export function numbersOf(value: Value | null | undefined): number[] | null {
  for (let hops = 0; value && hops < 8; hops++) {
    const tensor = tensorOf(value);
    if (tensor) {
      const type = dataType(tensor.dataType);
      if (!type || elements(tensor.dims) > SMALL) return null;
      return numbersOfData(type.name, tensorBytes(value.scope.file, tensor));
    }
    const node: Node | null = value.producer;
    if (!node) return null;
    if (node.op === "Constant") return literal(node);
    if (!hasFact(node.op, "reshapes")) return null;
    value = node.inputs[0];
  }
  return null;
}

function literal(node: Node): number[] | null {
  const [only] = node.message.attributes;
  if (only?.name === "value_int" && only.i !== null) return [only.i];
  if (only?.name === "value_float" && only.f !== null) return [only.f];
  if (only?.name === "value_ints") return [...only.ints];
  if (only?.name === "value_floats") return [...only.floats];
  return null;
}

/** Decodes the numbers of raw data; returns null for a type whose elements are not read. */
export function numbersOfData(dtype: string, data: Uint8Array): number[] | null {
  if (!dataTypeNamed(dtype)?.array || isHalf(dtype)) return null;
  return Array.from(arrayOf(dtype, data) as ArrayLike<number | bigint>, Number);
}
