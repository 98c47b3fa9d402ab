import { attribute, type KnownType, type Scope, typeOfInfo, type Value } from "../graph/graph.ts";
import { type Dimension, placeOfAxis, type Type } from "../onnx/dtypes.ts";
import type { GraphMessage } from "../onnx/messages.ts";

/** What a loop gives its body: the body's input, and the operand it begins with; null for a count. */
interface Entry {
  readonly input: Value;
  readonly operand: Value | null;
}

/** A value that a loop carries from one iteration to the next, as the body's output. */
interface Carried extends Entry {
  readonly output: Value;
}

/**
 * Returns the types of a body's inputs in the first iteration, by the Loop's or Scan's operands and
 * stated sizes. Also returns which inputs are carried, and which are counted: the number of the
 * iteration, and slices of an operand.
 */
export function bodyInputs(body: Scope, known: KnownType) {
  const types = new Map<Value, Type>();
  const carried: Carried[] = [];
  const counted: Entry[] = [];
  const give = (input: Value | undefined, type: Type | null) => {
    const merged = input && narrowed(statedOf(body, input), type);
    if (merged) types.set(input, merged);
  };
  const carry = (input: Value | undefined, output: Value | undefined, operand: Value | null) => {
    give(input, operand && known(operand));
    if (input && output) carried.push({ input, operand, output });
  };
  const count = (input: Value | undefined, type: Type | null, operand: Value | null) => {
    give(input, type);
    if (input) counted.push({ input, operand });
  };
  const { inputs, outputs } = body;
  const { op, inputs: operands } = body.owner!;
  if (op === "Loop") {
    count(inputs[0], { dtype: "int64", shape: [] }, null);
    give(inputs[1], { dtype: "bool", shape: [] });
    for (const [k, operand] of operands.slice(2).entries())
      carry(inputs[k + 2], outputs[k + 1], operand);
  } else if (op === "Scan" && operands.length === inputs.length) {
    const states = inputs.length - (attribute(body.owner!, "num_scan_inputs")?.i ?? 0);
    const axes = attribute(body.owner!, "scan_input_axes")?.ints ?? [];
    for (const [k, operand] of operands.entries())
      if (k < states) carry(inputs[k], outputs[k], operand);
      else count(inputs[k], operand && slice(known(operand), axes[k - states] ?? 0), operand);
  } else for (const input of inputs) give(input, null);
  return { types, carried, counted };
}

function statedOf({ message }: Scope, { name }: Value): Type | null {
  const info = (message as GraphMessage).inputs.find((input) => input.name === name);
  return info ? typeOfInfo(info) : null;
}

function slice(type: Type | null, axis: number): Type | null {
  if (!type?.shape) return type;
  const at = placeOfAxis(axis, type.shape.length);
  return { ...type, shape: type.shape.filter((_, k) => k !== at) };
}

/** Adds stated fixed sizes to a type. */
function narrowed(stated: Type | null, type: Type | null): Type | null {
  if (!stated?.shape || !type) return type ?? stated;
  const shape = type.shape?.length === stated.shape.length ? type.shape : stated.shape;
  return {
    ...type,
    shape: stated.shape.map((dim, k) => (typeof dim === "number" ? dim : shape[k])),
  };
}

/**
 * Returns the type of a carried input for all iterations: its type so far, with every size left
 * open in which the body's output differs. Returns null if there is none.
 */
export function widenedType(
  body: Scope,
  { input, output }: Carried,
  known: KnownType,
): Type | null {
  const [before, after] = [known(input), known(output)];
  if (!before?.shape) return null;
  const stated = statedOf(body, input)?.shape ?? null;
  const { shape } = before;
  if (after?.shape?.length !== shape.length)
    return stated && stated.join() === shape.join() ? null : { ...before, shape: stated };
  const open = (dim: Dimension, k: number): Dimension =>
    dim === after.shape![k] || typeof stated?.[k] === "number" ? dim : "";
  const wide = shape.map(open);
  return wide.join() === shape.join() ? null : { ...before, shape: wide };
}
