import type { Node, Scope, Value } from "../graph/graph.ts";
import { typeOfInfo, typeOfTensor } from "../graph/types.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";

/**
 * The type of an If's output as its branches tell it, for an If that onnxruntime refuses: by what
 * a branch states of its output, or by a value around it that the branch hands on. Sizes in which
 * branches differ are unknown. Null if no branch tells it.
 */
export function typeByBranches(
  { op, bodies, outputs }: Node,
  output: Value,
  known: (value: Value) => Type | null,
): Type | null {
  if (op !== "If") return null;
  const place = outputs.indexOf(output);
  const types = bodies.flatMap((body) => typeInBranch(body, place, known) ?? []);
  return types.length === 0 ? null : types.reduce(common);
}

function typeInBranch(
  body: Scope,
  place: number,
  known: (value: Value) => Type | null,
): Type | null {
  const info = (body.message as GraphMessage).outputs[place];
  const stated = info ? typeOfInfo(info) : null;
  if (stated?.shape) return stated;
  let value: Value | null | undefined = body.outputs[place];
  while (value?.producer?.op === "Identity" && value.scope === body)
    value = value.producer.inputs[0];
  return (value && (typeOfTensor(value) ?? known(value))) ?? stated;
}

const common = (a: Type, b: Type): Type => ({
  dtype: a.dtype,
  shape:
    a.shape && a.shape.length === b.shape?.length
      ? a.shape.map((dim, axis) => (dim === b.shape![axis] ? dim : ""))
      : null,
});
