import { InputError } from "../errors.ts";
import type { Graph, Node, Scope, Value } from "../graph/graph.ts";
import { pathOf } from "../graph/scopes.ts";
import { typeOfInfo, typeOfTensor } from "../graph/types.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";
import { type Ort, reason } from "../ort/session.ts";
import { typeByBranches } from "./branch-types.ts";
import type { Alike } from "./cache.ts";
import { typeByReaders } from "./reader-types.ts";
import { readyNodes, withShapes } from "./ready-nodes.ts";
import { inferSegment, outputsOf } from "./segment.ts";
import { checkShapeLengths, takesUnmeasured } from "./shape-lengths.ts";

/** Nodes of one session: its cost is quadratic in its outputs. */
const SEGMENT = 1000;

/** Domains whose operators onnxruntime itself brings. */
const BUILT_IN = new Set([
  "",
  "ai.onnx",
  "ai.onnx.ml",
  "com.microsoft",
  "com.microsoft.nchwc",
  "com.ms.internal.nhwc",
]);

/**
 * Adds type and shape of every value of a graph or body, by ONNX's own rules: onnxruntime infers
 * them on the scope without its weights, some 1,000 nodes at a time. Where it refuses, the custom
 * operators are left out and the model's value_info stands in; returns a warning for each time.
 */
export async function inferScope(
  ort: Ort,
  graph: Graph,
  scope: Scope,
  types: Map<Value, Type>,
  alike: Alike,
): Promise<string[]> {
  const warnings: string[] = [];
  const stated = new Map<string, Type>();
  const { inputs, outputs, valueInfos } = scope.message as GraphMessage;
  for (const info of [...valueInfos, ...outputs, ...inputs]) {
    const type = typeOfInfo(info);
    if (type) stated.set(info.name, type);
  }
  for (const value of scope.values.values()) {
    const type = value.producer
      ? typeOfTensor(value)
      : (typeOfTensor(value) ?? types.get(value) ?? stated.get(value.name));
    if (type) types.set(value, type);
  }
  const { nodes } = scope;
  const lacking = new Set<string>();
  const known = (value: Value) => types.get(value) ?? null;
  for (let start = 0; start < nodes.length; ) {
    const told = nodes[start].outputs.every((value) => !value || known(value))
      ? []
      : alike.of(nodes[start]);
    if (told) {
      for (const [k, type] of told.entries()) {
        const output = nodes[start].outputs[k];
        if (output) types.set(output, type);
      }
      start++;
      continue;
    }
    const segment = segmentFrom(graph, nodes, start, known);
    const inference: Segment = { ort, graph, segment, start, types, stated, lacking };
    const { failure, left } = await inferPart(inference, segment, { left: SPLITS });
    if (failure)
      warnings.push(
        `onnxruntime could not infer the shapes of ${segment.length === 1 ? `node ${start}` : `nodes ${start} to ${start + segment.length - 1}`}${scope.owner ? ` of ${pathOf(scope)}` : ""} (${failure}); ${leftOut(segment, left)}.`,
      );
    else for (const node of segment) alike.learn(node);
    start += segment.length;
  }
  return warnings;
}

/** The nodes that are inferred next: they end before one that takes a shape whose length is not known yet. */
function segmentFrom(
  graph: Graph,
  nodes: readonly Node[],
  start: number,
  known: (value: Value) => Type | null,
): Node[] {
  const segment = nodes.slice(start, start + SEGMENT);
  const cut = segment.findIndex((node, k) => k > 0 && takesUnmeasured(graph, node, known));
  if (cut > 0) segment.length = cut;
  for (const node of segment) checkShapeLengths(graph, node, known);
  return segment;
}

/** What is said of the nodes of a segment that are not inferred. */
function leftOut(segment: readonly Node[], left: readonly Node[]): string {
  if (left.length === segment.length) return "the model's own value_info is used";
  const ops = [...new Set(left.map(({ op }) => op))];
  return `they are inferred without ${left.length === 1 ? "the node" : `the ${left.length} nodes`} of ${ops.slice(0, 4).join(", ")}${ops.length > 4 ? " and others" : ""}`;
}

/** Nodes that are inferred together, and what is known of the values around them. */
interface Segment {
  readonly ort: Ort;
  readonly graph: Graph;
  readonly segment: readonly Node[];
  /** The first node of it in its scope. */
  readonly start: number;
  readonly types: Map<Value, Type>;
  readonly stated: ReadonlyMap<string, Type>;
  /** Operators of onnxruntime's own domains that this build of it lacks. */
  readonly lacking: Set<string>;
}

/** Sessions that may be spent on finding the nodes of a segment that onnxruntime refuses. */
const SPLITS = 64;

/**
 * Infers some nodes of a segment; if onnxruntime refuses them, those that it knows; if it refuses
 * these too, each half. Returns what onnxruntime said first, and the nodes that are left out.
 */
async function inferPart(
  inference: Segment,
  part: readonly Node[],
  splits: { left: number },
): Promise<{ failure: string; left: Node[] }> {
  const { ort, graph, segment, start, types, stated, lacking } = inference;
  const known = (value: Value) => types.get(value) ?? null;
  const infer = async (some: readonly Node[]): Promise<string> => {
    const ready = readyNodes(withShapes(some, start), known);
    if (!ready.some((node) => some.includes(node))) return "of what they read no types are known";
    try {
      for (const [value, type] of await inferSegment(
        ort,
        graph,
        ready,
        known,
        (value) => stated.get(value.name) ?? null,
        start + segment.length,
      ))
        types.set(value, type);
      return "";
    } catch (error) {
      if (error instanceof InputError) throw error;
      return reason(error);
    }
  };
  const failure = await infer(part);
  if (!failure) return { failure, left: [] };
  const builtIn = part.filter((node) => isBuiltIn(graph, node) && !inference.lacking.has(node.op));
  const custom = part.filter((node) => !builtIn.includes(node));
  for (const node of custom)
    for (const value of outputsOf(node)) {
      state(types, stated, value);
      const type = known(value) ?? typeByBranches(node, value, known);
      if (type) types.set(value, type);
    }
  const left = [...custom];
  if (
    builtIn.length > 0 &&
    custom.length > 0 &&
    (await inferAround(custom, builtIn, infer, inference))
  )
    return { failure, left };
  if (builtIn.length <= 1 || splits.left <= 0) {
    left.push(...builtIn);
    if (builtIn.length === 1 && isExtension(builtIn[0]) && readyNodes(builtIn, known).length > 0)
      lacking.add(builtIn[0].op);
  } else {
    const before = lacking.size;
    const half = builtIn.length >> 1;
    for (const some of [builtIn.slice(0, half), builtIn.slice(half)]) {
      splits.left--;
      left.push(...(await inferPart(inference, some, splits)).left);
    }
    if (lacking.size > before && splits.left > 0)
      return { failure, left: (await inferPart(inference, part, splits)).left };
  }
  for (const value of part.flatMap(outputsOf)) state(types, stated, value);
  return { failure, left };
}

/** Rounds in which what is inferred tells more of what custom operators make. */
const ROUNDS = 32;

/**
 * Infers the nodes that onnxruntime knows, with what readers tell of the values that the others
 * make; again as long as that tells more. Returns whether onnxruntime takes them.
 */
async function inferAround(
  custom: readonly Node[],
  builtIn: readonly Node[],
  infer: (some: readonly Node[]) => Promise<string>,
  { types, stated }: Segment,
): Promise<boolean> {
  const known = (value: Value) => types.get(value) ?? stated.get(value.name) ?? null;
  const open = new Set(custom.flatMap(outputsOf).filter((value) => !known(value)));
  let failure = "";
  for (let round = 0; round < ROUNDS; round++) {
    const told = [...open].flatMap((value) => {
      const type = typeByReaders(value, known);
      return type ? [[value, type] as const] : [];
    });
    if (round > 0 && told.length === 0) break;
    for (const [value, type] of told) {
      types.set(value, type);
      open.delete(value);
    }
    failure = await infer(builtIn);
    if (failure) break;
  }
  return failure === "";
}

function state(types: Map<Value, Type>, stated: ReadonlyMap<string, Type>, value: Value): void {
  const type = stated.get(value.name);
  if (type && !types.has(value)) types.set(value, type);
}

/** Whether an operator is onnxruntime's own, which other builds of it may lack. */
const isExtension = ({ message: { domain } }: Node) => domain !== "" && domain !== "ai.onnx";

/** Whether onnxruntime has the operator of a node, and those of the bodies and functions inside it. */
function isBuiltIn({ file }: Graph, node: Node): boolean {
  const pending = [node];
  const seen = new Set<Scope>();
  for (let one = pending.pop(); one; one = pending.pop()) {
    const { domain, opType } = one.message;
    const isFunction = file.message.functions.some((f) => f.domain === domain && f.name === opType);
    if (!BUILT_IN.has(domain) && !isFunction) return false;
    for (const scope of [...one.bodies, ...(one.callee ? [one.callee] : [])])
      if (!seen.has(scope)) {
        seen.add(scope);
        pending.push(...scope.nodes);
      }
  }
  return true;
}
