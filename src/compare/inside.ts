import type { Scope, Value } from "../graph/graph.ts";
import type { Step } from "../graph/path.ts";
import type { Type } from "../onnx/shape.ts";
import type { Counterpart } from "./matching.ts";

/** The bodies of counterparts: the scopes beside the main graph that can have initializers. */
export function bodiesOf(pairs: readonly Counterpart[]): [Scope, Scope][] {
  const inner: [Scope, Scope][] = [];
  for (const pair of pairs)
    for (const [k, body] of pair.a.bodies.entries())
      if (pair.b.bodies[k]) inner.push([body, pair.b.bodies[k]]);
  return inner;
}

/** What the inputs of the entered scope are of type, as far as the types around it tell. */
export function typesOfInputs(
  { node, scope }: Step,
  known: (value: Value) => Type | null,
): Map<Value, Type> {
  const types = new Map<Value, Type>();
  const set = (value: Value | undefined, type: Type | null) =>
    value && type && types.set(value, type);
  const given = (k: number) => (node.inputs[k] ? known(node.inputs[k]) : null);
  const unsized = (type: Type | null) => type && { ...type, shape: null };
  for (const [k, input] of scope.inputs.entries())
    if (node.callee) set(input, given(k));
    else if (node.op !== "Loop") set(input, unsized(given(k)));
    else if (k < 2) set(input, { dtype: k === 0 ? "int64" : "bool", shape: [] });
    else set(input, unsized(given(k)));
  return types;
}
