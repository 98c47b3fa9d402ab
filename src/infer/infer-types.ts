import type { Graph, Scope, Value } from "../graph/graph.ts";
import type { Types } from "../graph/types.ts";
import type { Type } from "../onnx/shape.ts";
import type { Ort } from "../ort/session.ts";
import { TypeCache } from "./cache.ts";
import { refuseFatal } from "./fatal.ts";
import { type InferredTypes, inferScope } from "./infer-scope.ts";
import { bodyInputs, widenedType } from "./loops.ts";
import { measuredTypes } from "./measured-shapes.ts";

/** The inferred types, and warnings about those that could not be inferred. */
export interface Inference {
  readonly types: Types;
  readonly warnings: readonly string[];
}

/**
 * Infers type and shape of every value of the main graph and of its bodies, by ONNX's own rules;
 * sizes that these lose are measured in a run if that is cheap. Values that a loop carries get the
 * sizes that all iterations share. Values of functions are excluded, because they differ from call
 * to call.
 */
export async function inferTypes(ort: Ort, graph: Graph): Promise<Inference> {
  refuseFatal(graph);
  const types = new Map<Value, Type>();
  const inferred = { types, cache: new TypeCache(graph, (value) => types.get(value) ?? null) };
  const warnings = await inferScope({ ort, graph }, graph.main, inferred);
  for (const [value, type] of await measuredTypes(ort, graph, types)) types.set(value, type);
  warnings.push(...(await inferBodies({ ort, graph }, graph.main, inferred)));
  return { types, warnings };
}

type Runtime = Parameters<typeof inferScope>[0];

/** Infers the bodies in a scope, and nested ones. Returns warnings. */
async function inferBodies(
  runtime: Runtime,
  { nodes }: Scope,
  inferred: InferredTypes,
): Promise<string[]> {
  const warnings: string[] = [];
  for (const body of nodes.flatMap(({ bodies }) => bodies)) {
    warnings.push(...(await inferBody(runtime, body, inferred)));
    warnings.push(...(await inferBodies(runtime, body, inferred)));
  }
  return warnings;
}

/** Infers a body until the sizes of its carried inputs are those of its outputs. */
async function inferBody(
  runtime: Runtime,
  body: Scope,
  inferred: InferredTypes,
): Promise<string[]> {
  const { types } = inferred;
  const known = (value: Value) => types.get(value) ?? null;
  const { types: first, carried } = bodyInputs(body, known);
  const given = new Map(first);
  for (;;) {
    for (const value of body.values.values()) types.delete(value);
    for (const [value, type] of given) types.set(value, type);
    const warnings = await inferScope(runtime, body, inferred);
    const wider = carried.flatMap((each) => {
      const type = widenedType(body, each, known);
      return type ? [[each.input, type] as const] : [];
    });
    if (wider.length === 0) return warnings;
    for (const [value, type] of wider) given.set(value, type);
  }
}
