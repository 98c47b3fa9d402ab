import type { NewNode } from "../../src/graph/encode.ts";
import { type Graph, InputError, type Value } from "../../src/graph/graph.ts";

import type { DenseTensor } from "../../src/graph/tensor.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import type { Writing } from "../../src/graph/writing.ts";
import { applied } from "./applied.ts";
import { sumTo } from "./broadcasting.ts";
import { cotangents, type Scaled } from "./cotangents.ts";
import { finished } from "./draft.ts";
import { BROADCASTING } from "./elementwise.ts";
import { gatedBy } from "./gates.ts";
import { ruleOf, wayBetween } from "./way.ts";

/** What is differentiated, and what is known of the graph. */
export interface Differentiation {
  /** Cotangents by the value that they are of, of its type and shape: names of the main graph, or of nodes yet to be added. */
  readonly of: ReadonlyMap<string, string>;
  /** Values, weights mostly, whose gradients are wanted. */
  readonly wrt: readonly string[];
  /** Types with every size; what shapes are computed by has to be constant (see settled). */
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
  const { op, about, fresh } = writing;
  const { taken, sum, whole } = cotangents(writing);
  const renamed = new Map<string, string>();
  const parts = new Map<Value, Scaled[]>([...ends].map(([value, g]) => [value, [{ g, times: 1 }]]));
  const sums = new Map<Value, Scaled>();
  const given = new Set(wanted.of.values());
  const namesakes = new Map<string, Value>();
  const nameAfter = (value: Value, g: string) => {
    if (given.has(g) || namesakes.has(g)) return;
    namesakes.set(g, value);
    renamed.set(g, fresh(`${value.name}.grad`));
  };
  const cotangentOf = (value: Value): Scaled | null => {
    const known = sums.get(value);
    const all = parts.get(value);
    if (known !== undefined || !all) return known ?? null;
    about(`${value.name}.grad`);
    const made = sum(all, way.dtypeOf(value));
    if (made.times === 1) nameAfter(value, made.g);
    sums.set(value, made);
    return made;
  };
  const wholeOf = (value: Value): string | null => {
    const scaled = cotangentOf(value);
    return scaled && whole(scaled, way.dtypeOf(value));
  };
  /** Whether a gradient is asked for that may lie inside of what is differentiated as one. */
  const inside = roots.some(({ producer }) => producer !== null);
  for (const node of way.nodes.toReversed()) {
    const scaled = node.outputs.map((value) => value && cotangentOf(value));
    const factors = new Set(scaled.flatMap((one) => (one ? [one.times] : [])));
    if (factors.size === 0) continue;
    const held = factors.size === 1 ? [...factors][0] : 1;
    about(`${node.outputs.find((value) => value !== null)!.name}.grad`);
    const each = node.outputs.map((value, k) =>
      factors.size === 1 ? (scaled[k]?.g ?? null) : value && wholeOf(value),
    );
    const gated = inside ? null : gatedBy(graph, way.active, node);
    const read = gated ? { ...node, op: "", inputs: [gated.x] } : node;
    const at = applied({ graph, types, ...way }, read, writing, each);
    const given = gated
      ? [op.Mul(at.g, gated.slope(at))]
      : ruleOf(node)!(at, ...(at.inputs as string[]));
    for (const [k, value] of read.inputs.entries()) {
      if (!value || !at.needs[k]) continue;
      const handed = given[k];
      if (handed === undefined) at.refuse(`none is known for its input ${value.name}`);
      if (!handed) continue;
      let { g, times } = taken(handed, at.dtype, held);
      if (BROADCASTING.has(read.op) && !at.summed.has(handed))
        g = sumTo(at.write, g, at.outShape(0), at.shape(k));
      if (way.dtypeOf(value) !== at.dtype) {
        g = at.write.cast(whole({ g, times }, at.dtype), way.dtypeOf(value));
        times = 1;
      }
      const list = parts.get(value);
      if (list) list.push({ g, times });
      else parts.set(value, [{ g, times }]);
    }
  }
  const gradientOf = (root: Value) => {
    const g = wholeOf(root);
    if (g === null || namesakes.get(g) === root) return g;
    const own = op.Identity(g);
    nameAfter(root, own);
    return own;
  };
  const found = new Map(roots.map((root) => [root.name, gradientOf(root)]));
  const { nodes, tensors, nameOf } = finished(
    writing,
    [...found.values()].filter((g) => g !== null),
    renamed,
  );
  const gradients = new Map([...found].map(([name, g]) => [name, g && nameOf(g)]));
  return { nodes, tensors, gradients };
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
