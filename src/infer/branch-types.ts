import type { Node, Scope, Value } from "../graph/graph.ts";
import { type KnownType, typeOfInfo, typeOfTensor } from "../graph/types.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";

/**
 * Returns the type of an output of an If that onnxruntime rejects, according to its branches: from
 * the type that a branch states for its output, or from an outer value that the branch returns.
 * Sizes in which branches differ are unknown. Returns null if no branch shows it.
 */
export function typeByBranches(
  { op, bodies, outputs }: Node,
  output: Value,
  known: KnownType,
): Type | null {
  if (op !== "If") return null;
  const place = outputs.indexOf(output);
  const types = bodies.flatMap((body) => typeInBranch(body, place, known) ?? []);
  return types.length === 0 ? null : types.reduce(common);
}

function typeInBranch(body: Scope, place: number, known: KnownType): Type | null {
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
