import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import {
  called,
  type Graph,
  knownSizes,
  type Node,
  type TypedGraph,
  type Types,
  titleOf,
  type Value,
} from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import type { DenseTensor, NewNode } from "../../src/onnx/new-node.ts";
import { type ActiveSubgraph, activeSubgraph, ruleOf, withoutRule } from "./active-subgraph.ts";
import { arithmetic } from "./arithmetic.ts";
import { attended, throughAttention } from "./attention.ts";
import { sumTo } from "./broadcasting.ts";
import { type Summand, summands } from "./convolution-sums.ts";
import { type CustomCotangent, checkReturned } from "./custom-rules.ts";
import { gatedBy } from "./gates.ts";
import { gradientNode } from "./gradient-node.ts";
import { GradientSums } from "./gradient-sums.ts";
import { RuleRefusal } from "./no-gradient-error.ts";
import { throughNorm } from "./normalization.ts";
import { reached } from "./reached-nodes.ts";
import type { GradientNode, GradientRules } from "./rule.ts";
import { vjp } from "./vjp.ts";
import { writtenNorm } from "./written-norm.ts";

interface Differentiation {
  /**
   * Initial cotangents by their values, of the same type and shape: names of the main graph, or of
   * nodes to be added.
   */
  readonly of: ReadonlyMap<string, string>;
  readonly wrt: readonly string[];
  /**
   * Types with all sizes; values that shapes are computed from must be constant (see specialize).
   */
  readonly types: Types;
  /** An empty writer that knows the names in use. */
  readonly builder: Builder;
  readonly rules?: GradientRules | undefined;
  /** Why composite nodes could not be lowered, by their names. */
  readonly reasons?: ReadonlyMap<string, string>;
}

/** What is appended to a graph so that it computes gradients. */
export interface Gradients {
  readonly nodes: readonly NewNode[];
  readonly tensors: readonly DenseTensor[];
  /** The name of each requested gradient, "weight.grad"; null if no cotangent reaches the value. */
  readonly gradients: ReadonlyMap<string, string | null>;
  /** What a user's rules returned. */
  readonly custom: readonly CustomCotangent[];
  /** Values that the nodes make, with types to state where inputs leave the number of rows open. */
  readonly stated: readonly Port[];
}

/**
 * Reverse-mode differentiation: writes the vector-Jacobian product of every node between `wrt` and
 * `of`, last node first. Changes nothing. Throws an InputError of one sentence if nodes between
 * them have no rule, or if a required size is unknown.
 */
export function backpropagate(graph: Graph, wanted: Differentiation): Gradients {
  const { types, builder, rules = {}, reasons = new Map() } = wanted;
  const roots = wanted.wrt.map((name) => floatNamed(graph, types, name));
  const ends = new Map(
    [...wanted.of].map(([name, g]) => [floatNamed(graph, types, name), g] as const),
  );
  const subgraph = activeSubgraph({ graph, types, rules, reasons }, roots, [...ends.keys()]);
  // A gradient may be requested inside nodes that could be differentiated as one.
  const isOwn = Object.keys(rules).some((op) => Object.hasOwn(vjp, op));
  const joins = !isOwn && roots.every(({ producer }) => producer === null);
  const sums = new GradientSums(builder, ends, {
    ...{ types, dtypeOf: subgraph.dtypeOf },
    isTrained: (name) => joins && subgraph.active.has(graph.main.values.get(name)!),
  });
  const custom: CustomCotangent[] = [];
  const stated: Port[] = [];
  const walk = { graph, types, rules, subgraph, builder, sums, joins, custom, stated };
  const refusals = passAllBack(walk);
  if (refusals.length === 1) throw refusals[0];
  if (refusals.length > 1) {
    const why = new Map(refusals.map((refusal) => [called(refusal.node), refusal.why]));
    throw withoutRule(
      why,
      refusals.map(({ node }) => node),
      { roots, ends: [...ends.keys()] },
    );
  }
  const gradientsByName = new Map(roots.map((root) => [root.name, sums.gradientOf(root)]));
  const outputs = [...gradientsByName.values()].filter((g) => g !== null);
  const { nodes, tensors, nameOf } = reached(builder, outputs, sums.renamed);
  const gradients = new Map([...gradientsByName].map(([name, g]) => [name, g && nameOf(g)]));
  const returned = custom.map((call) => ({ ...call, cotangent: nameOf(call.cotangent) }));
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const sized = stated.map(({ name, type }) => ({ name: nameOf(name), type }));
  return {
    ...{ nodes, tensors, gradients, custom: returned },
    stated: sized.filter(({ name }) => made.has(name)),
  };
}

/** Passes cotangents through all nodes, the last first; returns what rules refuse, in order. */
function passAllBack(walk: Walk): RuleRefusal[] {
  const { types, subgraph, builder, sums, joins } = walk;
  const refusals: RuleRefusal[] = [];
  for (const node of subgraph.nodes.toReversed()) {
    const of = cotangentsOf(node, sums, builder);
    if (!of) continue;
    try {
      for (const part of joins ? summands(types, subgraph.active, node) : [{ node }])
        passBack(walk, part, of);
    } catch (error) {
      if (!(error instanceof RuleRefusal)) throw error;
      refusals.unshift(error);
      // Anything in their place leads to what else is refused.
      for (const value of node.inputs) {
        const sizes = value && subgraph.active.has(value) ? knownSizes(types, value) : null;
        if (sizes)
          sums.add(value!, { g: builder.to.zeros(sizes, subgraph.dtypeOf(value!)), times: 1 });
      }
    }
  }
  return refusals;
}

type Cotangents = NonNullable<ReturnType<typeof cotangentsOf>>;

/**
 * The cotangents of a node's outputs, null if none reaches an output, and their common pending
 * factor. Null if no cotangent reaches the node.
 */
function cotangentsOf(node: Node, sums: GradientSums, { about }: Builder) {
  const scaled = node.outputs.map((value) => value && sums.of(value));
  const factors = new Set(scaled.flatMap((factored) => (factored ? [factored.times] : [])));
  if (factors.size === 0) return null;
  about(`${node.outputs.find((value) => value !== null)!.name}.grad`);
  if (factors.size === 1)
    return { values: scaled.map((factored) => factored?.g ?? null), held: [...factors][0] };
  return { values: node.outputs.map((value) => value && sums.wholeOf(value)), held: 1 };
}

interface Walk extends TypedGraph {
  readonly subgraph: ActiveSubgraph;
  readonly builder: Builder;
  readonly sums: GradientSums;
  /** Whether several nodes may be differentiated as one. */
  readonly joins: boolean;
  readonly rules: GradientRules;
  readonly custom: CustomCotangent[];
  readonly stated: Port[];
}

/** Operators whose rule only multiplies the cotangent by a slope of its shape, if their bounds are frozen. */
const SCALED: ReadonlySet<string> = new Set(["Relu", "Clip"]);

/** Several nodes that are differentiated as one function of x. */
interface Joined {
  readonly x: Value;
  /** Whether the cotangent is only multiplied by a slope of its shape. */
  readonly isSlope: boolean;
  readonly through: (at: GradientNode) => string;
}

/** Returns the activation or norm whose last node is given; null for any other node. */
function joinedAt({ types, subgraph: { active } }: Walk, node: Node): Joined | null {
  const gated = gatedBy(active, node);
  const norm = gated ? null : writtenNorm({ types, active }, node);
  if (norm) return { x: norm.x, isSlope: false, through: (at) => throughNorm(at, norm) };
  if (!gated) return null;
  const { x, slope, slopeFactor = 1 } = gated;
  const through = (at: GradientNode) =>
    at.op.Mul(at.op.Mul(at.g, at.sized(slope(at))), at.scalar(slopeFactor));
  return { x, isSlope: true, through };
}

function passBack(walk: Walk, { node, inputs }: Summand, { values, held }: Cotangents): void {
  const { graph, types, subgraph, builder, sums, joins, rules, stated } = walk;
  const whole = joins ? joinedAt(walk, node) : null;
  const read = whole ? { ...node, op: "", inputs: [whole.x] } : node;
  const [, ...bounds] = read.inputs;
  const isScaled =
    (whole?.isSlope || (SCALED.has(node.op) && !own(rules, node.op))) &&
    !bounds.some((value) => value && subgraph.active.has(value));
  // A product repeats a narrower cotangent itself.
  const cotangents = isScaled ? values.map((g) => g && sums.uncopied(g)) : values;
  const at = gradientNode({ types, ...subgraph }, read, builder, { cotangents, inputs, stated });
  const mixed = joins ? attended(types, node) : null;
  const c = mixed && sums.of(mixed);
  const given = whole
    ? [whole.through(at)]
    : c?.times === held
      ? [throughAttention(at, mixed!.name, c.g)]
      : ruleOf(node, rules)!(at, ...(at.inputs as string[]));
  const isCustom = own(rules, node.op) !== undefined;
  if (isCustom) checkReturned(graph, builder, node, given);
  const broadcasts = Object.hasOwn(arithmetic, read.op);
  for (const [k, value] of read.inputs.entries()) {
    if (!value || !at.needs[k]) continue;
    const g = given[k];
    if (g === undefined) at.refuse(`it does not have one for its input ${value.name}`);
    if (!g) continue;
    let part = sums.taken(g, at.dtype, held);
    if (broadcasts && !at.summed.has(g))
      part = { ...part, g: sumTo(at.write, part.g, at.outShape(0), at.shape(k)) };
    const type = { dtype: at.dtype, shape: at.shape(k) };
    if (isCustom)
      walk.custom.push({ title: titleOf(node), input: value.name, cotangent: part.g, type });
    const dtype = subgraph.dtypeOf(value);
    if (dtype !== at.dtype)
      part = { g: at.write.cast(sums.whole(part, at.dtype), dtype), times: 1 };
    sums.add(value, part);
  }
}
function floatNamed(graph: Graph, types: Types, name: string): Value {
  const value = graph.main.values.get(name);
  if (!value)
    throw new InputError(`${graph.file.source.name} has no value ${name}; check the name.`);
  const dtype = types.get(value)?.dtype;
  if (!isFloat(dtype))
    throw new InputError(
      `${name} is ${dtype ?? "of unknown type"}, but only floats have gradients.`,
    );
  return value;
}
