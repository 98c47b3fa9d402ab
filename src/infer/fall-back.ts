import { InputError } from "../errors.ts";
import { tensorOf, typeOfTensor } from "../graph/constants.ts";
import {
  type KnownType,
  type Node,
  outputsOf,
  readsOf,
  type Scope,
  typeOfInfo,
  type Value,
} from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { inOrder } from "../graph/scopes.ts";
import { behind, nodesWithin, walk } from "../graph/walk.ts";
import type { Type } from "../onnx/dtypes.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import { reason } from "../ort/messages.ts";
import { type InferenceScope, inferSegment } from "./infer-segment.ts";
import { typeByReaders } from "./reader-types.ts";

/** Maximum number of sessions to find the nodes of a segment that onnxruntime rejects. */
export const SPLITS = 64;

interface SegmentState extends InferenceScope {
  readonly types: Map<Value, Type>;
  /** Index in its scope of the first node of the segment. */
  readonly start: number;
  /** Operators of onnxruntime's own domains that this build of it lacks. */
  readonly lacking: Set<string>;
  /** Remaining sessions, of SPLITS. */
  splits: number;
}

/**
 * Infers some nodes of a segment; if onnxruntime rejects them, falls back to fewer. Returns
 * onnxruntime's first message, and the nodes that are left out.
 */
export async function inferPart(
  state: SegmentState,
  part: readonly Node[],
): Promise<{ failure: string; left: readonly Node[] }> {
  const failure = await failureOf(state, part);
  return { failure, left: failure ? await fallBack(state, part) : [] };
}

/** Infers nodes in one session. Returns onnxruntime's message if it rejects them, otherwise "". */
async function failureOf(state: SegmentState, part: readonly Node[]): Promise<string> {
  const ready = readyNodes(withShapes(part, state.start), state.known);
  if (!ready.some((node) => part.includes(node))) return "the types of their inputs are not known";
  try {
    for (const [value, type] of await inferSegment(state, ready)) state.types.set(value, type);
    return "";
  } catch (error) {
    if (error instanceof InputError) throw error;
    return reason(error);
  }
}

/**
 * Infers the nodes of a rejected part whose operators onnxruntime has; if it rejects these too,
 * infers each half. The others get the types that the model states, or that their branches or
 * readers show. Returns the nodes that are left out.
 */
async function fallBack(state: SegmentState, part: readonly Node[]): Promise<readonly Node[]> {
  const { known, types, lacking } = state;
  const has = (node: Node) => hasOnnxruntimeOperator(node) && !lacking.has(node.op);
  const builtIn = part.filter(has);
  const custom = part.filter((node) => !builtIn.includes(node));
  setStated(state, custom);
  for (const node of custom)
    for (const value of outputsOf(node)) {
      const type = known(value) ?? typeByBranches(node, value, known);
      if (type) types.set(value, type);
    }
  const mixed = builtIn.length > 0 && custom.length > 0;
  if (mixed && (await inferAround(state, custom, builtIn))) return custom;
  const splits = builtIn.length > 1 && state.splits > 0;
  const before = lacking.size;
  const left = splits ? await inferHalves(state, builtIn) : builtIn;
  const [only] = builtIn;
  // Other builds of onnxruntime may lack its own operators.
  const isExtension = builtIn.length === 1 && only.message.domain !== "";
  if (isExtension && readyNodes(builtIn, known).length > 0) lacking.add(only.op);
  else if (lacking.size > before && state.splits > 0) return (await inferPart(state, part)).left;
  setStated(state, part);
  return [...custom, ...left];
}

/** Infers each half of some nodes. Returns the nodes that are left out. */
async function inferHalves(state: SegmentState, nodes: readonly Node[]): Promise<Node[]> {
  const half = nodes.length >> 1;
  const left: Node[] = [];
  for (const some of [nodes.slice(0, half), nodes.slice(half)]) {
    state.splits--;
    left.push(...(await inferPart(state, some)).left);
  }
  return left;
}

/** Gives the results of nodes without a type the types that the model states. */
function setStated({ types, stated }: SegmentState, nodes: readonly Node[]): void {
  for (const value of nodes.flatMap(outputsOf)) {
    const type = types.get(value) ?? stated.get(value.name);
    if (type) types.set(value, type);
  }
}

/** Maximum number of rounds in which new types show more about the results of custom operators. */
const ROUNDS = 32;

/**
 * Infers the nodes that onnxruntime knows, using what readers show about the results of the others;
 * repeats as long as more is shown. Returns whether onnxruntime accepts them.
 */
async function inferAround(
  state: SegmentState,
  custom: readonly Node[],
  builtIn: readonly Node[],
): Promise<boolean> {
  const { types, stated } = state;
  const known = (value: Value) => types.get(value) ?? stated.get(value.name) ?? null;
  const open = new Set(custom.flatMap(outputsOf).filter((value) => !known(value)));
  for (let round = 0; round < ROUNDS; round++) {
    const told = [...open].map((value) => [value, typeByReaders(value, known)] as const);
    if (round > 0 && told.every(([, type]) => type === null)) break;
    for (const [value, type] of told) if (type && open.delete(value)) types.set(value, type);
    if (await failureOf(state, builtIn)) return false;
  }
  return true;
}

/** Domains of onnxruntime's own operators. */
const BUILT_IN = /^(ai\.onnx\.ml|com\.microsoft(\.nchwc)?|com\.ms\.internal\.nhwc)?$/;

/** Whether onnxruntime has the operator of a node, and those of its bodies and functions. */
function hasOnnxruntimeOperator(node: Node): boolean {
  const { functions } = node.scope.file.message;
  const isFunction = ({ message: { domain, opType } }: Node) =>
    functions.some((f) => f.domain === domain && f.name === opType);
  return [...nodesWithin(node)].every(
    (inner) => BUILT_IN.test(inner.message.domain) || isFunction(inner),
  );
}

/**
 * Returns the type of an output of an If that onnxruntime rejects. It is the type that a branch
 * states for its output, or that of an outer value that the branch returns. Sizes in which branches
 * differ are unknown. Returns null if no branch shows it.
 */
function typeByBranches(
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
  const output = body.outputs[place];
  if (stated?.shape || !output) return stated;
  const value = behind(output, ({ op, scope }) => op === "Identity" && scope === body);
  return typeOfTensor(value) ?? known(value) ?? stated;
}

const common = (a: Type, b: Type): Type => ({
  dtype: a.dtype,
  shape:
    a.shape && a.shape.length === b.shape?.length
      ? a.shape.map((dim, axis) => (dim === b.shape![axis] ? dim : ""))
      : null,
});

/**
 * Adds the producers of a segment's inputs to it if they are constants or shape computations,
 * because ONNX infers a Reshape only if it sees how its shape is computed.
 */
function withShapes(segment: readonly Node[], start: number): Node[] {
  const { scope } = segment[0];
  const comesBefore = (node: Node) => node.scope !== scope || node.index < start;
  const tells = (node: Node, value: Value, { op }: Node) =>
    op === "Constant" || (hasFact(op, "counts") && (comesBefore(node) || takesShape(node, value)));
  const shapes = (node: Node) =>
    readsOf(node).flatMap((value) => {
      const { producer } = value;
      return producer && comesBefore(producer) && tells(node, value, producer) ? producer : [];
    });
  return inOrder(walk(segment, shapes));
}

/** Whether an operator reads a value as a shape, sizes or axes, not as data. */
const takesShape = (node: Node, value: Value) =>
  node.op === "ConstantOfShape" ||
  node.op === "Range" ||
  (hasFact(node.op, "shaped") && node.inputs[0] !== value);

/** Returns the nodes whose inputs all have a known type or are made by one of them. */
function readyNodes(nodes: readonly Node[], known: KnownType): Node[] {
  const made = new Set<Value>();
  return nodes.filter((node) => {
    const ready = readsOf(node).every(
      (value) => made.has(value) || tensorOf(value) || value.initializer || known(value),
    );
    if (ready) for (const output of outputsOf(node)) made.add(output);
    return ready;
  });
}
