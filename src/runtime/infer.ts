import type { InferenceSession } from "onnxruntime-common";
import { tensorOf } from "../graph/constants.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import { type Type, type Types, typeOfInfo, typeOfTensor } from "../graph/types.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import { InputError } from "../onnx/source.ts";
import { Alike } from "./alike.ts";
import { type Ort, reason, withSession } from "./session.ts";
import { skeleton } from "./skeleton.ts";

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

/** What was inferred, and sentences on what could not be. */
export interface Inference {
  readonly types: Types;
  readonly warnings: readonly string[];
}

/**
 * Type and shape of every value of the main graph, by ONNX's own rules: onnxruntime infers them
 * on the model without its weights, some 1,000 nodes at a time. Where it refuses, the custom
 * operators are left out and the model's value_info stands in, with a warning.
 */
export async function inferTypes(ort: Ort, graph: Graph): Promise<Inference> {
  const types = new Map<Value, Type>();
  const warnings: string[] = [];
  const stated = new Map<string, Type>();
  const { inputs, outputs, valueInfos } = graph.file.graph;
  for (const info of [...valueInfos, ...outputs, ...inputs]) {
    const type = typeOfInfo(info);
    if (type) stated.set(info.name, type);
  }
  for (const value of graph.main.values.values()) {
    const type = value.producer
      ? typeOfTensor(value)
      : (typeOfTensor(value) ?? stated.get(value.name));
    if (type) types.set(value, type);
  }
  const { nodes } = graph.main;
  const known = (value: Value) => types.get(value) ?? null;
  const alike = new Alike(graph, known);
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
    const segment = nodes.slice(start, start + SEGMENT);
    const attempts = [
      () => segment,
      () => {
        for (const value of segment.filter((node) => !isBuiltIn(graph, node)).flatMap(outputsOf))
          state(types, stated, value);
        return segment.filter((node) => isBuiltIn(graph, node));
      },
    ];
    let failure = "";
    let done = false;
    for (const attempt of attempts) {
      const part = runnable(withShapes(attempt(), start), known);
      try {
        for (const [value, type] of await inferSegment(ort, graph, part, known, start + SEGMENT))
          types.set(value, type);
        done = true;
        break;
      } catch (error) {
        if (error instanceof InputError) throw error;
        failure ||= reason(error);
      }
    }
    if (failure)
      warnings.push(
        `onnxruntime could not infer the shapes of nodes ${start} to ${start + segment.length - 1} (${failure}); ${done ? "they are inferred without the custom operators" : "the model's own value_info is used"}.`,
      );
    if (!done) for (const value of segment.flatMap(outputsOf)) state(types, stated, value);
    else if (!failure) for (const node of segment) alike.learn(node);
    start += SEGMENT;
  }
  return { types, warnings };
}

const outputsOf = (node: Node) => node.outputs.filter((value) => value !== null);

function state(types: Map<Value, Type>, stated: ReadonlyMap<string, Type>, value: Value): void {
  const type = stated.get(value.name);
  if (type && !types.has(value)) types.set(value, type);
}

const isBuiltIn = ({ file }: Graph, { message: { domain, opType } }: Node) =>
  BUILT_IN.has(domain) ||
  file.message.functions.some((f) => f.domain === domain && f.name === opType);

/**
 * The segment with the producers of what it takes from earlier ones where that is a constant or a
 * shape computation: ONNX infers a Reshape only where it sees how its shape comes about.
 */
function withShapes(segment: readonly Node[], start: number): Node[] {
  const all = new Set(segment);
  const pending = [...segment];
  for (let node = pending.pop(); node; node = pending.pop())
    for (const value of [...node.inputs, ...node.captures]) {
      const producer = value?.producer;
      if (!producer || producer.index >= start || all.has(producer)) continue;
      const earlier = node.index < start;
      const shape = SHAPE_COMPUTATION.has(producer.op) && (earlier || takesShape(node, value));
      if (producer.op !== "Constant" && !shape) continue;
      all.add(producer);
      pending.push(producer);
    }
  return [...all].sort((a, b) => a.index - b.index);
}

const SHAPE_COMPUTATION = new Set(
  "Shape Size Gather Slice Concat Cast Unsqueeze Squeeze Add Sub Mul Div".split(" "),
);

const SHAPE_TAKING = new Set("Reshape Expand Slice Tile Resize Pad".split(" "));

/** Whether the value is where an operator takes a shape, sizes or axes, not data. */
const takesShape = (node: Node, value: Value) =>
  node.op === "ConstantOfShape" ||
  node.op === "Range" ||
  (SHAPE_TAKING.has(node.op) && node.inputs[0] !== value);

/** The nodes whose inputs all have a known type or are made by one of them. */
function runnable(nodes: readonly Node[], known: (value: Value) => Type | null): Node[] {
  const made = new Set<Value>();
  return nodes.filter((node) => {
    const ready = [...node.inputs, ...node.captures].every(
      (value) => !value || made.has(value) || tensorOf(value) || value.initializer || known(value),
    );
    if (ready) for (const output of node.outputs) if (output) made.add(output);
    return ready;
  });
}

/** Sessions that one segment may take while reshapes hide the rank of what follows. */
const ROUNDS = 200;

/**
 * Types of the segment's values. Before opset 13 ONNX infers a Reshape only from a constant
 * shape; the length of the shape still tells the rank, with which the rest is asked again.
 */
async function inferSegment(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  end: number,
): Promise<Map<Value, Type>> {
  const ranked = new Map<Value, Type>();
  for (let round = 0; ; round++) {
    const asked = nodes.filter(({ outputs: [output] }) => !output || !ranked.has(output));
    const types = await ask(ort, graph, asked, (value) => ranked.get(value) ?? known(value), end);
    const before = ranked.size;
    for (const { op, inputs, outputs } of asked) {
      const [output] = outputs;
      const type = output && types.get(output);
      if (!type || (op !== "Reshape" && op !== "ConstantOfShape") || type.shape?.length) continue;
      const target = inputs.at(-1);
      const length = target && (types.get(target) ?? known(target))?.shape?.[0];
      if (typeof length === "number" && length > 0)
        ranked.set(output, { ...type, shape: new Array(length).fill("") });
    }
    if (ranked.size === before || round === ROUNDS) return new Map([...ranked, ...types]);
  }
}

/**
 * Types by one session on the nodes' skeleton; by a second one where values that later segments
 * take are told as [], which may be a scalar or an unknown rank.
 */
async function ask(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  end: number,
): Promise<Map<Value, Type>> {
  const { found } = await told(ort, graph, nodes, known, []);
  const unclear = nodes
    .flatMap(outputsOf)
    .filter(
      (value) =>
        found.get(value)?.shape?.length === 0 &&
        value.uses.some(({ node }) => node.scope === graph.main && node.index >= end),
    );
  if (unclear.length === 0) return found;
  const { ranks } = await told(ort, graph, nodes, known, unclear);
  for (const [k, value] of unclear.entries())
    if (ranks[k] !== 0) found.set(value, { ...found.get(value)!, shape: null });
  return found;
}

/**
 * What a session on these nodes' skeleton tells of the values they make, and of the ranks of some
 * of them. Throws where onnxruntime makes none.
 */
export async function told(
  ort: Ort,
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  ranked: readonly Value[],
): Promise<{ found: Map<Value, Type>; ranks: readonly unknown[] }> {
  const found = new Map<Value, Type>();
  const made = skeleton(graph, nodes, known, ranked);
  if (made === null) throw new Error("the type of an input is not known");
  return withSession(ort, { model: made.model }, "disabled", async (session) => {
    const metadata = outputMetadata(session);
    for (const [k, value] of made.outputs.entries()) {
      const type = typeOf(metadata[k]);
      if (type) found.set(value, type);
    }
    const ranks = metadata.slice(made.outputs.length).map((shape) => typeOf(shape)?.shape?.[0]);
    return { found, ranks };
  });
}

type Metadata = { isTensor: boolean; type?: string; shape?: readonly (number | string)[] };

function outputMetadata(session: InferenceSession): readonly Metadata[] {
  const { outputMetadata } = session as unknown as { outputMetadata?: readonly Metadata[] };
  if (!outputMetadata)
    throw new InputError("this onnxruntime does not tell the types of outputs; use 1.22 or newer.");
  return outputMetadata;
}

function typeOf({ isTensor, type, shape }: Metadata): Type | null {
  const dtype = isTensor ? dataTypeNamed(type ?? "")?.name : undefined;
  return dtype ? { dtype, shape: shape ?? null } : null;
}
