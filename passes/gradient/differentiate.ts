import { InputError } from "../../src/errors.ts";
import type { Writing } from "../../src/graph/builder.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import type { DenseTensor, NewNode } from "../../src/onnx/new-node.ts";
import { ruleOf, type Way, wayBetween } from "./active-subgraph.ts";
import { sumTo } from "./broadcasting.ts";
import { finished } from "./draft.ts";
import { BROADCASTING } from "./elementwise.ts";
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
export function differentiate(graph: Graph, wanted: Differentiation): Gradients {
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
  const { nodes, tensors, nameOf } = finished(writing, outputs, sums.renamed);
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
  readonly way: Way;
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
  for (const [k, value] of read.inputs.entries()) {
    if (!value || !at.needs[k]) continue;
    const handed = given[k];
    if (handed === undefined) at.refuse(`none is known for its input ${value.name}`);
    if (!handed) continue;
    let { g, times } = sums.taken(handed, at.dtype, held);
    if (BROADCASTING.has(read.op) && !at.summed.has(handed))
      g = sumTo(at.write, g, at.outShape(0), at.shape(k));
    if (way.dtypeOf(value) !== at.dtype) {
      g = at.write.cast(sums.whole({ g, times }, at.dtype), way.dtypeOf(value));
      times = 1;
    }
    sums.add(value, { g, times });
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
