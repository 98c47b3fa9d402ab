import { InputError } from "../../src/errors.ts";
import type { Writing } from "../../src/graph/builder.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import type { DenseTensor, NewNode } from "../../src/onnx/new-node.ts";
import { type ActiveSubgraph, ruleOf, wayBetween } from "./active-subgraph.ts";
import { arithmetic } from "./arithmetic.ts";
import { sumTo } from "./broadcasting.ts";
import { gatedBy } from "./gates.ts";
import { gradientSums, type Sums } from "./gradient-sums.ts";
import { applied } from "./node-view.ts";

/** What is differentiated, and what is known of the graph. */
export interface Differentiation {
  /** Cotangents by the value that they are of, of its type and shape: names of the main graph, or of nodes yet to be added. */
  readonly of: ReadonlyMap<string, string>;
  /** Values, weights mostly, whose gradients are wanted. */
  readonly wrt: readonly string[];
  /** Types with every size; what shapes are computed by has to be constant (see specialize). */
  readonly types: Types;
  /** What is written with: empty but for names that are taken. */
  readonly writing: Writing;
}

/** What a graph gains at its end so that it computes gradients too. */
export interface Gradients {
  readonly nodes: readonly NewNode[];
  readonly tensors: readonly DenseTensor[];
  /** What gives the gradient of each value asked for, "weight.grad"; null where none reaches it. */
  readonly gradients: ReadonlyMap<string, string | null>;
}

/**
 * Reverse-mode differentiation: the vector-Jacobian product of every node between `wrt` and `of`,
 * the last node first. Changes nothing. Throws an InputError, one sentence, where a node between
 * them has no rule, or a size that its rule needs is not known.
 */
export function backpropagate(graph: Graph, wanted: Differentiation): Gradients {
  const { types, writing } = wanted;
  const roots = wanted.wrt.map((name) => floatNamed(graph, types, name));
  const ends = new Map(
    [...wanted.of].map(([name, g]) => [floatNamed(graph, types, name), g] as const),
  );
  const way = wayBetween(graph, types, roots, [...ends.keys()]);
  const sums = gradientSums(writing, ends, way.dtypeOf);
  // A gradient may be asked for inside of what could be differentiated as one.
  const joins = roots.every(({ producer }) => producer === null);
  for (const node of way.nodes.toReversed()) {
    const of = cotangentsOf(node, sums, writing);
    if (of) passBack({ graph, types, way, writing, sums, joins }, node, of);
  }
  const found = new Map(roots.map((root) => [root.name, sums.gradientOf(root)]));
  const outputs = [...found.values()].filter((g) => g !== null);
  const { nodes, tensors, nameOf } = reached(writing, outputs, sums.renamed);
  const gradients = new Map([...found].map(([name, g]) => [name, g && nameOf(g)]));
  return { nodes, tensors, gradients };
}

/** The cotangents of a node's outputs, null where none reaches one, and the factor held back of all. */
interface Cotangents {
  readonly each: readonly (string | null)[];
  readonly held: number;
}

/** Null if no cotangent reaches the node. */
function cotangentsOf(node: Node, sums: Sums, { about }: Writing): Cotangents | null {
  const scaled = node.outputs.map((value) => value && sums.of(value));
  const factors = new Set(scaled.flatMap((one) => (one ? [one.times] : [])));
  if (factors.size === 0) return null;
  about(`${node.outputs.find((value) => value !== null)!.name}.grad`);
  if (factors.size === 1)
    return { each: scaled.map((one) => one?.g ?? null), held: [...factors][0] };
  return { each: node.outputs.map((value) => value && sums.wholeOf(value)), held: 1 };
}

interface Walk {
  readonly graph: Graph;
  readonly types: Types;
  readonly way: ActiveSubgraph;
  readonly writing: Writing;
  readonly sums: Sums;
  /** Whether several nodes may be differentiated as one. */
  readonly joins: boolean;
}

/** Adds a node's part to the cotangents of its inputs. */
function passBack(walk: Walk, node: Node, { each, held }: Cotangents): void {
  const { graph, types, way, writing, sums, joins } = walk;
  const gated = joins ? gatedBy(graph, way.active, node) : null;
  const read = gated ? { ...node, op: "", inputs: [gated.x] } : node;
  const at = applied({ graph, types, ...way }, read, writing, each);
  const given = gated
    ? [writing.op.Mul(at.g, gated.slope(at))]
    : ruleOf(node)!(at, ...(at.inputs as string[]));
  const broadcasts = Object.hasOwn(arithmetic, read.op);
  for (const [k, value] of read.inputs.entries()) {
    if (!value || !at.needs[k]) continue;
    const g = given[k];
    if (g === undefined) at.refuse(`none is known for its input ${value.name}`);
    if (!g) continue;
    let part = sums.taken(g, at.dtype, held);
    if (broadcasts && !at.summed.has(g))
      part = { ...part, g: sumTo(at.write, part.g, at.outShape(0), at.shape(k)) };
    const dtype = way.dtypeOf(value);
    if (dtype !== at.dtype)
      part = { g: at.write.cast(sums.whole(part, at.dtype), dtype), times: 1 };
    sums.add(value, part);
  }
}
function floatNamed(graph: Graph, types: Types, name: string): Value {
  const value = graph.main.values.get(name);
  if (!value) throw new InputError(`${graph.file.source.name} has no value ${name}.`);
  const dtype = types.get(value)?.dtype;
  if (!isFloat(dtype))
    throw new InputError(
      `${name} is ${dtype ?? "of no known type"}, and only floats have gradients.`,
    );
  return value;
}

/** What outputs are computed from: nodes in order, constants, and the names that values have now. */
interface Reached {
  readonly nodes: readonly NewNode[];
  readonly tensors: readonly DenseTensor[];
  readonly nameOf: (value: string) => string;
}

/**
 * Drops the nodes and constants that no output is computed from. `renamed` gives new names to what
 * the others make.
 */
function reached(
  writing: Writing,
  outputs: readonly string[],
  renamed: ReadonlyMap<string, string>,
): Reached {
  const nameOf = (value: string) => renamed.get(value) ?? value;
  const wanted = new Set(outputs);
  const kept: NewNode[] = [];
  for (const { node } of writing.nodes.toReversed()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    for (const input of node.inputs) wanted.add(input);
    // No operator's first output is optional.
    const outputs = node.outputs.map((output, k) =>
      k === 0 || wanted.has(output) ? nameOf(output) : "",
    );
    while (outputs.at(-1) === "") outputs.pop();
    kept.push({ ...node, name: nameOf(node.name), inputs: node.inputs.map(nameOf), outputs });
  }
  const tensors = writing.tensors.filter(({ name }) => wanted.has(name));
  return { nodes: kept.reverse(), tensors, nameOf };
}
