import { groupBy } from "../../src/entry.ts";
import { attribute, type Node, type Scope, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { behind, walk } from "../../src/graph/walk.ts";
import { bare, isBare, isScaling, scaledOf, weightsOf } from "./inserted-scale.ts";
import { flatten } from "./nested-sums.ts";
import { computedBy, factorsOf } from "./operators.ts";
import type { KnownValues, Sum } from "./residual.ts";

/** LAuReL found in a model by its structure; names and metadata are ignored. */
interface Inserted {
  /** The operand that a sum read before, by the one that it reads now. */
  readonly originals: ReadonlyMap<Value, Value>;
  /** Additions that belong to LAuReL and not to the model. */
  readonly nodes: ReadonlySet<Node>;
}

/**
 * Recognizes LAuReL at the sums of a model. A term is x plus low-rank maps or multiples of x and
 * earlier skips, or terms are weighted by α and β as in RW.
 */
export function recognize(facts: KnownValues, sums: Iterable<Sum>): Inserted {
  const originals = new Map<Value, Value>();
  const nodes = new Set<Node>();
  const weighted: Weighted[] = [];
  for (const { node, terms } of sums) {
    if (terms.length < 2 || terms.some(({ value }) => facts.constants.has(value))) continue;
    for (const { value } of terms) {
      const bracket = bracketOf(facts, value);
      if (bracket) originals.set(value, bracket.x);
      for (const inner of bracket?.nodes ?? []) nodes.add(inner);
    }
    const parts = flatten(facts, terms) ?? terms;
    const scaled = parts.map(({ value }) => scaledOf(facts, value));
    const weights = weightsOf(facts, scaled);
    for (const [k, each] of scaled.entries()) {
      const { value } = parts[k];
      if (each && weights !== null) weighted.push({ node, weights, value, x: each.x });
      else if (each?.exact && !originals.has(value)) originals.set(value, each.x);
    }
  }
  const constant = scopesOfOnePair(weighted);
  for (const { node, value, x } of weighted)
    if (!originals.has(value) && !constant.has(node.scope)) originals.set(value, x);
  return { originals, nodes };
}

/** A term of a sum that is weighted as by α and β. */
interface Weighted {
  readonly node: Node;
  readonly weights: string;
  readonly value: Value;
  readonly x: Value;
}

/** Scopes whose sums all have the same numbers but 1 as weights: constants of the model's code. */
function scopesOfOnePair(weighted: readonly Weighted[]): ReadonlySet<Scope> {
  const scopes = groupBy(weighted, ({ node }) => node.scope);
  const isOne = (terms: readonly Weighted[]) =>
    /[^1, ]/.test(terms[0].weights) &&
    terms.some(({ node }) => node !== terms[0].node) &&
    terms.every(({ weights }) => weights === terms[0].weights);
  return new Set([...scopes].flatMap(([scope, terms]) => (isOne(terms) ? [scope] : [])));
}

/** Reads β · (x + Σ addends) backwards, up to the x that the addends are computed from; null if there is none. */
function bracketOf(facts: KnownValues, value: Value): { x: Value; nodes: readonly Node[] } | null {
  let at = bare(scaledOf(facts, value)?.x ?? value);
  let step = stepBack(facts, at);
  const nodes: Node[] = [];
  const sources = new Set<Value>();
  for (; step; step = sources.has(at) ? null : stepBack(facts, at)) {
    nodes.push(...step.nodes);
    for (const source of step.sources) sources.add(bare(source));
    at = bare(step.base);
  }
  const isOwn = sources.has(at) && [...sources].every((source) => isNoLater(source, at));
  return isOwn ? { x: at, nodes } : null;
}

/** Whether a value is x or may be an earlier skip: what is computed from x is a branch, as in x + f / 2. */
const isNoLater = (value: Value, x: Value): boolean =>
  value.scope !== x.scope || (value.producer?.index ?? -1) <= (x.producer?.index ?? -1);

/** Returns the value without its addend; null if neither summand is an addend of LAuReL. */
function stepBack(facts: KnownValues, value: Value) {
  const node = value.producer;
  if (!node) return null;
  if (node.op === "Gemm" && node.inputs[2] && !facts.constants.has(node.inputs[2])) {
    const map = lowRankOf(facts, value);
    return map && { base: node.inputs[2], sources: map.sources, nodes: [node, ...map.nodes] };
  }
  const summed = inFloats(node.op) === "Add" ? computedBy(facts.constants, node) : [];
  if (summed.length !== 2) return null;
  for (const [base, addend] of [summed, summed.toReversed()]) {
    const map = lowRankOf(facts, addend);
    if (map) return { base, sources: map.sources, nodes: [node, ...map.nodes] };
    const scaled = scaledOf(facts, addend);
    if (scaled && isScaling(scaled)) return { base, sources: [scaled.x], nodes: [node] };
  }
  return null;
}

/** Input of a QLinearConv with its bias. */
const QUANTIZED_BIAS = 8;

/** Reads Σ_j (x_j A_j) B_j, two products with weights each: returns the x_j and the additions inside; or null. */
function lowRankOf(facts: KnownValues, value: Value) {
  const wide = productOf(facts, value);
  const inner = wide && turned(wide);
  if (!inner || !(isJoined(inner) || productOf(facts, inner))) return null;
  const nodes: Node[] = [];
  const sources: Value[] = [];
  let addends: Value[] = [];
  for (const at of walk([inner], () => addends)) {
    const node = at.producer;
    const op = inFloats(node?.op ?? "");
    addends = isJoined(at) ? computedBy(facts.constants, node!) : [];
    if (addends.length > 1) {
      if (op === "Add") nodes.push(node!);
      continue;
    }
    const source = productOf(facts, at);
    if (!source || !narrows(facts, source, at)) return null;
    sources.push(turned(source));
    addends = node?.op === "Gemm" && node.inputs[2] ? [node.inputs[2]] : [];
  }
  return { sources, nodes };
}

const isJoined = ({ producer }: Value) => ["Add", "Concat"].includes(inFloats(producer?.op ?? ""));

/** Returns the operand of a product with weights alone: without a bias, a window or groups. */
function productOf({ constants }: KnownValues, value: Value): Value | null {
  const node = turned(value).producer;
  if (!node) return null;
  const [x, weights, third] = factorsOf(node);
  const bias = third ?? node.inputs[QUANTIZED_BIAS];
  if (!x || !weights || constants.has(x) || !constants.has(weights)) return null;
  const op = inFloats(node.op);
  if (hasFact(op, "matmul")) return bias && constants.has(bias) ? null : x;
  if (op !== "Conv" || bias || (attribute(node, "group")?.i ?? 1) !== 1) return null;
  const kernel = attribute(node, "kernel_shape")?.ints ?? [1];
  return kernel.every((size) => size === 1) ? x : null;
}

/** Whether a product has at most as many features as its operand, as far as sizes are known. */
function narrows({ types }: KnownValues, from: Value, to: Value): boolean {
  const volume = (value: Value) =>
    types.get(value)?.shape?.reduce<number>((n, dim) => (typeof dim === "number" ? n * dim : n), 1);
  const [before, after] = [volume(from), volume(to)];
  return before !== undefined && after !== undefined && after <= before;
}

/** Returns a value before it was transposed, renamed, cast or quantized. */
const turned = (value: Value): Value =>
  behind(value, (node) => node.op === "Transpose" || isBare(node));
