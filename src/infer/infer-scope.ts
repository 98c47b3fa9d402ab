import { type Node, outputsOf, type Scope, type Value } from "../graph/graph.ts";
import { pathOf } from "../graph/scopes.ts";
import { typeOfInfo, typeOfTensor } from "../graph/types.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";
import type { TypeCache } from "./cache.ts";
import { inferPart, SPLITS } from "./fall-back.ts";
import type { InferenceScope } from "./infer-segment.ts";
import { segmentFrom } from "./segments.ts";

/** Inferred types, and a cache for equal nodes. */
export interface InferredTypes {
  readonly types: Map<Value, Type>;
  readonly cache: TypeCache;
}

/**
 * Adds type and shape of every value of a graph or body, by ONNX's own rules: onnxruntime infers
 * them on the scope without its weights, some 1,000 nodes at a time. If it rejects nodes, custom
 * operators are left out and the model's value_info is used instead; returns a warning for each
 * time.
 */
export async function inferScope(
  { ort, graph }: Pick<InferenceScope, "ort" | "graph">,
  scope: Scope,
  { types, cache }: InferredTypes,
): Promise<string[]> {
  const stated = statedTypes(scope);
  for (const value of scope.values.values()) {
    const type =
      typeOfTensor(value) ?? (value.producer ? null : (types.get(value) ?? stated.get(value.name)));
    if (type) types.set(value, type);
  }
  const known = (value: Value) => types.get(value) ?? null;
  const { nodes } = scope;
  const lacking = new Set<string>();
  const warnings: string[] = [];
  for (let start = 0; start < nodes.length; ) {
    const cached = outputsOf(nodes[start]).every(known) ? [] : cache.of(nodes[start]);
    if (cached) {
      for (const [k, type] of cached.entries()) {
        const output = nodes[start].outputs[k];
        if (output) types.set(output, type);
      }
      start++;
      continue;
    }
    const segment = segmentFrom(graph, nodes, start, known);
    const end = start + segment.length;
    const state = { ort, graph, known, types, stated, start, end, lacking, splits: SPLITS };
    const { failure, left } = await inferPart(state, segment);
    if (failure) warnings.push(warningOf(scope, [start, end - 1], failure, leftOut(segment, left)));
    else for (const node of segment) cache.learn(node);
    start = end;
  }
  return warnings;
}

/** Returns the types that a graph or body states for its values, by name. */
function statedTypes({ message }: Scope): ReadonlyMap<string, Type> {
  const { inputs, outputs, valueInfos } = message as GraphMessage;
  return new Map(
    [...valueInfos, ...outputs, ...inputs].flatMap((info) => {
      const type = typeOfInfo(info);
      return type ? [[info.name, type] as const] : [];
    }),
  );
}

function warningOf(
  scope: Scope,
  [first, last]: readonly [number, number],
  failure: string,
  consequence: string,
): string {
  const nodes = first === last ? `node ${first}` : `nodes ${first} to ${last}`;
  const where = scope.owner ? ` of ${pathOf(scope)}` : "";
  return `onnxruntime could not infer the shapes of ${nodes}${where} (${failure}); ${consequence}.`;
}

/** Describes how the nodes of a segment that onnxruntime rejected were inferred. */
function leftOut(segment: readonly Node[], left: readonly Node[]): string {
  if (left.length === segment.length) return "the model's own value_info is used";
  const ops = [...new Set(left.map(({ op }) => op))];
  return `they are inferred without ${left.length === 1 ? "the node" : `the ${left.length} nodes`} of ${ops.slice(0, 4).join(", ")}${ops.length > 4 ? " and others" : ""}`;
}
