import type { Graph, Scope, Value } from "../graph/graph.ts";
import type { Types } from "../graph/types.ts";
import type { Type } from "../onnx/shape.ts";
import type { Ort } from "../ort/session.ts";
import { Alike } from "./cache.ts";
import { refuseFatal } from "./fatal.ts";
import { inferScope } from "./infer-scope.ts";
import { bodyInputs, widened } from "./loops.ts";
import { measuredTypes } from "./measured-shapes.ts";

/** What was inferred, and sentences on what could not be. */
export interface Inference {
  readonly types: Types;
  readonly warnings: readonly string[];
}

/**
 * Type and shape of every value of the main graph and of the bodies inside it, by ONNX's own
 * rules; sizes that these lose are measured in a run if that is cheap. And of what a loop carries on the sizes that all its turns have. Values of functions are
 * not among them: they differ from call to call.
 */
export async function inferTypes(ort: Ort, graph: Graph): Promise<Inference> {
  refuseFatal(graph);
  const types = new Map<Value, Type>();
  const alike = new Alike(graph, (value) => types.get(value) ?? null);
  const warnings = await inferScope(ort, graph, graph.main, types, alike);
  for (const [value, type] of await measuredTypes(ort, graph, types)) types.set(value, type);
  await inferBodies(ort, graph, graph.main, types, alike, warnings);
  return { types, warnings };
}

async function inferBodies(
  ort: Ort,
  graph: Graph,
  { nodes }: Scope,
  types: Map<Value, Type>,
  alike: Alike,
  warnings: string[],
): Promise<void> {
  for (const { bodies } of nodes)
    for (const body of bodies) {
      warnings.push(...(await inferBody(ort, graph, body, types, alike)));
      await inferBodies(ort, graph, body, types, alike, warnings);
    }
}

/** Infers a body until the sizes that a turn takes are those that it hands on. */
async function inferBody(
  ort: Ort,
  graph: Graph,
  body: Scope,
  types: Map<Value, Type>,
  alike: Alike,
): Promise<string[]> {
  const known = (value: Value) => types.get(value) ?? null;
  const { types: first, carried } = bodyInputs(body, known);
  const given = new Map(first);
  for (;;) {
    for (const value of body.values.values()) types.delete(value);
    for (const [value, type] of given) types.set(value, type);
    const warnings = await inferScope(ort, graph, body, types, alike);
    const wider = carried.flatMap((each) => {
      const type = widened(body, each, known);
      return type ? [[each.input, type] as const] : [];
    });
    if (wider.length === 0) return warnings;
    for (const [value, type] of wider) given.set(value, type);
  }
}
