import { numbersOf } from "../../src/graph/constants.ts";
import { inputsOf, type Node, outputsOf, type Use, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { isSpread } from "./axes.ts";
import { beforeLayout, isComplement, maskingOf } from "./mask.ts";
import { computedSources } from "./operators.ts";
import type { Trial } from "./reach.ts";
import type { Link, Setting, Term } from "./residual.ts";
import { findLink, skipChain } from "./skip-chain.ts";

/** Whether a branch is linear in x, apart from norms and pools: no quantizer on its skip chain replaces a Relu. */
export function isLinear(setting: Setting, branch: Value, { value: x }: Link): boolean {
  for (const { value } of skipChain(setting, branch)) {
    if (value === x) return true;
    const operator = value.producer && setting.traits(value.producer);
    if (operator?.nonlinear && (operator.layout || operator.projection)) return false;
  }
  return false;
}

/** Whether a value is x itself, at other positions or in another float type. */
export const comesBy = (setting: Setting, value: Value | null | undefined, x: Value) =>
  value != null &&
  findLink(setting, value, (link) => link.kind === "identity" && link.value === x) !== undefined;

/** Returns the first node of a skip chain that passes a test, up to a projection or a value that was `seen`. */
function unprojected(
  setting: Setting,
  from: Value,
  seen: Set<Value>,
  test: (node: Node) => boolean,
): Node | null {
  for (const { value, kind } of skipChain(setting, from)) {
    if (kind === "projected" || seen.has(value)) return null;
    seen.add(value);
    if (value.producer && test(value.producer)) return value.producer;
  }
  return null;
}

/** Walks back from a product through the chains of its factors, to the first node of each that passes a test, and on. */
const behindFactors = (
  setting: Setting,
  product: Node,
  seen: Set<Value>,
  test: (node: Node) => boolean,
): Generator<Node> =>
  walk([product], (node) =>
    computedFactors(setting, node).flatMap(
      (value) => unprojected(setting, value, seen, test) ?? [],
    ),
  );

/** Whether a branch is x times a computed gate, so that x + x·g is x·(1 + g). */
export function isGated(setting: Setting, branch: Value, x: Value): boolean {
  const seen = new Set<Value>();
  const isProduct = (node: Node) => computedFactors(setting, node).length === 2;
  const product = unprojected(setting, branch, seen, isProduct);
  if (product)
    for (const node of behindFactors(setting, product, seen, isProduct))
      if (computedFactors(setting, node).some((value) => comesBy(setting, value, x))) return true;
  return false;
}

/** Whether a sum takes its skip at some positions and its branch at the others: a Where, written by two masks. */
export function isSelected(setting: Setting, branch: Value, skip: Value): boolean {
  const mask = maskOf(setting, skip);
  const other = mask && maskOf(setting, branch);
  return mask != null && other != null && isComplement(setting, mask, other);
}

/** Returns the mask that a value is multiplied by, at other positions or not. */
function maskOf(setting: Setting, value: Value): Value | undefined {
  const { producer } = beforeLayout(setting, value);
  return (producer && maskingOf(setting, producer))?.mask;
}

/**
 * Returns a value that a branch is computed from and that does not come from x; null if there is
 * none. Only values that enter elementwise and without broadcasting count. A time embedding, the
 * state of a streaming layer and a mask of attention weights do not.
 */
export function foreignRoot(
  { setting: { constants, types, reach }, node }: Trial,
  branch: Value,
  { value: x }: Link,
): Value | null {
  const comesFromX = (value: Value) => reach.paths(x, value, node) !== null;
  const inputsOf = (value: Value) =>
    value === x || inFloats(value.producer?.op ?? "") === "Softmax"
      ? []
      : computedSources({ constants }, value);
  const shapeOf = (value: Value) => types.get(value)?.shape ?? [];
  for (const value of walk([branch], (at) => inputsOf(at).filter(comesFromX))) {
    if (!hasFact(inFloats(value.producer?.op ?? ""), "elementwise")) continue;
    const foreign = inputsOf(value).find(
      (input) => !comesFromX(input) && !isSpread(shapeOf(input), shapeOf(value)),
    );
    if (foreign) return foreign;
  }
  return null;
}

/**
 * Whether a sum removes x again: x + (f − x), which is f, or x + z·(f − x) with a computed gate z
 * between the two. With a constant c, x + c·(f − x) keeps 1 − c of x, like a scaled residual.
 */
export function takesOut(
  setting: Setting,
  { value: branch, factor: own = 1 }: Term,
  x: Value,
  skipFactor = 1,
): boolean {
  const seen = new Set<Value>();
  let factor = own / skipFactor;
  const node = unprojected(setting, branch, seen, (at) => {
    if (differs(setting, at, x) || isGate(setting, at, x, seen)) return true;
    if (setting.traits(at).scale) factor *= factorOf(setting, at);
    return false;
  });
  if (node?.op !== "Sub") return node !== null;
  return (comesBy(setting, node.inputs[1], x) ? 1 : -1) === factor;
}

/** Whether a node is a product of computed values that contains a difference from x, times constants or not. */
function isGate(setting: Setting, node: Node, x: Value, seen: Set<Value>): boolean {
  const isProduct = (at: Node) => computedFactors(setting, at).length > 1;
  const isDifference = (at: Node) => differs(setting, at, x);
  if (isProduct(node))
    for (const at of behindFactors(setting, node, seen, (at) => isDifference(at) || isProduct(at)))
      if (isDifference(at)) return true;
  return false;
}

/** Returns the factors of a product that are not constant; none of another node. */
const computedFactors = ({ constants }: Setting, node: Node): readonly Value[] =>
  inFloats(node.op) === "Mul" ? inputsOf(node).filter((value) => !constants.has(value)) : NONE;

const NONE: readonly Value[] = [];

/** Whether branches come only from a value less x, which is computed from it, as in a residual quantizer. */
export function isPart({ setting, node, others }: Trial, { value: x }: Link): boolean {
  if (!setting.subtracted.has(x)) return false;
  const comesFrom = (from: Value, to: Value) => setting.reach.paths(from, to, node) !== null;
  const leaves = ({ node: { op, inputs }, index }: Use) =>
    op === "Sub" && index === 1 && comesFrom(inputs[0]!, x);
  const leads = ({ node: reader }: Use) =>
    reader !== node &&
    outputsOf(reader).some((output) => others.some(({ value }) => comesFrom(output, value)));
  return x.uses.some(leaves) && x.uses.every((use) => leaves(use) || !leads(use));
}

/** Whether a node is the difference between x and a value other than a pool of x, as in PoolFormer. */
function differs(setting: Setting, { op, inputs }: Node, x: Value): boolean {
  if (op !== "Sub") return false;
  const [from, less] = inputs;
  if (comesBy(setting, less, x)) return !pools(setting, from, x);
  return comesBy(setting, from, x) && !pools(setting, less, x);
}

/** Returns the only number that a node multiplies by; NaN if there are several or none is known. */
function factorOf({ constants }: Setting, { op, inputs }: Node): number {
  if (op === "Neg") return -1;
  const numbers = numbersOf(inputs.find((value) => value && constants.has(value)));
  const [first] = numbers ?? [];
  if (first === undefined || numbers!.some((number) => number !== first)) return Number.NaN;
  return op === "Div" ? 1 / first : first;
}

const pools = (setting: Setting, value: Value | null, x: Value) =>
  value?.producer != null &&
  setting.traits(value.producer).pooling &&
  comesBy(setting, value.producer.inputs[0], x);
