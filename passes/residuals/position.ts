import { readsShapeOnly } from "../../src/graph/constants.ts";
import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { computedBy, traits } from "./operators.ts";
import type { Setting, Sum } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";
import { NORM } from "./written-out.ts";

/** Operators whose first inputs are query, key and value, unless these are packed into one. */
const ATTENTION = operatorsThat("attention");

const PRODUCTS: ReadonlySet<string> = new Set([...operatorsThat("bilinear"), "Einsum"]);

const SUMS = operatorsThat("sum");

/** Maximum number of values that a search visits. */
const LOOKS = 256;

/**
 * Whether a sum is the stream plus a position, as in DETR's decoders: it is used only for queries,
 * keys and sampling positions, and one of its terms continues into another sum.
 */
export const isPosition = (setting: Setting, { node, output, terms }: Sum): boolean =>
  terms.some(({ value }) => goesOn(setting, value, node)) && onlyDirects(setting, output);

/** Whether the origin of a term is added elsewhere too. */
function goesOn(setting: Setting, term: Value, sum: Node): boolean {
  const same = new Set<Value>();
  for (const { value, kind } of skipChain(setting, term)) if (kind === "identity") same.add(value);
  for (const value of same) {
    if (same.size > LOOKS) return false;
    for (const { node, index } of value.uses) {
      if (node === sum) continue;
      if (SUMS.has(node.op) && computedBy(setting.constants, node).length > 1) return true;
      if (index === 0 && traits(setting, node).layout) addOutputs(same, node);
    }
  }
  return false;
}

/** Whether all that is computed from a value ends in an attention's weights or positions. */
function onlyDirects(setting: Setting, value: Value): boolean {
  const seen = new Set<Value>([value]);
  let directs = false;
  for (const at of seen) {
    if (at.isOutput || seen.size > LOOKS) return false;
    for (const use of at.uses) {
      if (readsShapeOnly(use.node)) continue;
      if (ends(setting, use)) directs = true;
      else if (!carries(setting, use.node)) return false;
      else addOutputs(seen, use.node);
    }
  }
  return directs;
}

function addOutputs(values: Set<Value>, node: Node): void {
  for (const output of node.outputs) if (output) values.add(output);
}

/** Whether a value is used as a query, a key or sampling positions. */
function ends(setting: Setting, { node, index }: Use): boolean {
  if (node.op === "Softmax") return weighs(setting, node.outputs[0]!);
  const apart = ATTENTION.has(node.op) && [1, 2].every((k) => node.inputs[k]);
  return (apart && index < 2) || (node.op === "GridSample" && index === 1);
}

/** Whether a sum holds scores: they are scaled, masked or added to, then a Softmax weighs values. */
export function areScores(setting: Setting, sum: Value): boolean {
  const seen = new Set<Value>([sum]);
  let weighing = false;
  for (const at of seen) {
    if (at.isOutput || seen.size > LOOKS) return false;
    for (const { node } of at.uses) {
      if (readsShapeOnly(node)) continue;
      const { layout, scale } = traits(setting, node);
      if (node.op === "Softmax") weighing ||= weighsSome(setting, node);
      else if (layout || scale || SUMS.has(node.op) || node.op === "Where") addOutputs(seen, node);
      else return false;
    }
  }
  return weighing;
}

/** Whether what a Softmax gives is multiplied with other values, padded, masked or not. */
function weighsSome(setting: Setting, softmax: Node): boolean {
  const isProduct = ({ node }: Use) =>
    PRODUCTS.has(node.op) && computedBy(setting.constants, node).length > 1;
  const seen = new Set<Value>();
  addOutputs(seen, softmax);
  for (const { uses } of seen) {
    if (seen.size > LOOKS) return false;
    if (uses.some(isProduct)) return true;
    for (const { node } of uses) if (!traits(setting, node).mixer) addOutputs(seen, node);
  }
  return false;
}

/** Whether everything computed from a Softmax multiplies other values. */
function weighs(setting: Setting, value: Value): boolean {
  const uses = value.uses.filter(({ node }) => !readsShapeOnly(node));
  if (value.isOutput || uses.length === 0) return false;
  return uses.every(({ node }) => {
    const computed = computedBy(setting.constants, node).length;
    if (PRODUCTS.has(node.op) && computed > 1) return true;
    const { layout, scale } = traits(setting, node);
    return (layout || scale) && node.outputs.every((v) => v && weighs(setting, v));
  });
}

function carries(setting: Setting, node: Node): boolean {
  const { layout, scale, projection } = traits(setting, node);
  return (
    layout ||
    scale ||
    projection ||
    PRODUCTS.has(node.op) ||
    NORM.has(node.op) ||
    node.op === "Where"
  );
}
