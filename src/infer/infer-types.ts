import { InputError } from "../errors.ts";
import { numbersOf, typeOfTensor } from "../graph/constants.ts";
import {
  type Graph,
  type KnownType,
  type Node,
  outputsOf,
  type Scope,
  type Types,
  titleOf,
  typeOfInfo,
  type Value,
} from "../graph/graph.ts";
import { allNodes, pathOf, scopesOf } from "../graph/scopes.ts";
import type { Type } from "../onnx/dtypes.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { Ort } from "../ort/session.ts";
import { TypeCache } from "./cache.ts";
import { inferPart, SPLITS } from "./fall-back.ts";
import { bodyInputs, widenedType } from "./loops.ts";
import { measuredTypes } from "./measured-shapes.ts";
import { checkShapeLengths, takesUnmeasured } from "./shape-lengths.ts";

/** The types of a model's values, and warnings about those that could not be inferred. */
export interface InferredTypes {
  readonly types: Types;
  readonly warnings: readonly string[];
}

/**
 * Infers type and shape of every value of the main graph and of its bodies, by ONNX's own rules;
 * sizes that these lose are measured in a run if that is cheap. Values that a loop carries get the
 * sizes that all iterations share. Values of functions are excluded, because they differ from call
 * to call.
 */
export async function inferTypes(ort: Ort, graph: Graph): Promise<InferredTypes> {
  refuseFatal(graph);
  const types = new Map<Value, Type>();
  const known = (value: Value) => types.get(value) ?? null;
  const inference = { ort, types, known, cache: new TypeCache(known) };
  const warnings = await inferScope(inference, graph.main);
  for (const [value, type] of await measuredTypes({ ort, graph, types })) types.set(value, type);
  for (const scope of scopesOf(graph))
    if (scope.owner) warnings.push(...(await inferBody(inference, scope)));
  return { types, warnings };
}

/** Infers a body until the sizes of its carried inputs are those of its outputs. Returns warnings. */
async function inferBody(inference: Inference, body: Scope): Promise<string[]> {
  const { types, known } = inference;
  const { types: first, carried } = bodyInputs(body, known);
  const given = new Map(first);
  for (;;) {
    for (const value of body.values.values()) types.delete(value);
    for (const [value, type] of given) types.set(value, type);
    const warnings = await inferScope(inference, body);
    const wider = carried.flatMap((each) => {
      const type = widenedType(body, each, known);
      return type ? [[each.input, type] as const] : [];
    });
    if (wider.length === 0) return warnings;
    for (const [value, type] of wider) given.set(value, type);
  }
}

/**
 * Throws an InputError for a node at which onnxruntime would end the process: SplitToSequence
 * divides by its split, even 0, before any check (seen up to 1.30).
 */
function refuseFatal(graph: Graph): void {
  for (const node of allNodes(graph))
    if (node.op === "SplitToSequence" && numbersOf(node.inputs[1])?.includes(0))
      throw new InputError(
        `${graph.file.source.name}: ${titleOf(node)} splits into pieces of size 0, which makes onnxruntime end the process; the model is damaged.`,
      );
}

/** The types inferred so far, and how further ones are inferred. */
interface Inference {
  readonly ort: Ort;
  readonly types: Map<Value, Type>;
  readonly known: KnownType;
  readonly cache: TypeCache;
}

/**
 * Adds type and shape of every value of a graph or body, by ONNX's own rules: onnxruntime infers
 * them on the scope without its weights, some 1,000 nodes at a time. If it rejects nodes, custom
 * operators are left out and the model's value_info is used instead; returns a warning for each
 * time.
 */
async function inferScope(inference: Inference, scope: Scope): Promise<string[]> {
  const { types, known, cache } = inference;
  const stated = statedTypes(scope);
  for (const value of scope.values.values()) {
    const type =
      typeOfTensor(value) ?? (value.producer ? null : (types.get(value) ?? stated.get(value.name)));
    if (type) types.set(value, type);
  }
  const { nodes } = scope;
  const lacking = new Set<string>();
  const warnings: string[] = [];
  for (let start = 0; start < nodes.length; ) {
    const node = nodes[start];
    const cached = outputsOf(node).every(known) ? [] : cache.of(node);
    if (cached) {
      for (const [k, type] of cached.entries())
        if (node.outputs[k]) types.set(node.outputs[k], type);
      start++;
      continue;
    }
    const segment = segmentFrom(nodes, start, known);
    const end = start + segment.length;
    const state = { ...inference, stated, start, end, lacking, splits: SPLITS };
    const { failure, left } = await inferPart(state, segment);
    if (failure) warnings.push(warningOf(scope, [start, end - 1], failure, leftOut(segment, left)));
    else for (const each of segment) cache.learn(each);
    start = end;
  }
  return warnings;
}

/** Maximum number of nodes in a session, because its cost is quadratic in its outputs. */
const SEGMENT = 1000;

/** Returns the nodes to infer next. They end before one that reads a shape of unknown length. */
function segmentFrom(nodes: readonly Node[], start: number, known: KnownType): Node[] {
  const segment = nodes.slice(start, start + SEGMENT);
  const cut = segment.findIndex((node, k) => k > 0 && takesUnmeasured(node, known));
  if (cut > 0) segment.length = cut;
  for (const node of segment) checkShapeLengths(node, known);
  return segment;
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
