import { numbersOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Node,
  type Scope,
  type Types,
  textAttribute,
  type Value,
} from "../../src/graph/graph.ts";
import { hasFact, inFloats, operandsThat } from "../../src/graph/operators.ts";
import { nodesWithin, scopesIn, sourcesOf, walk } from "../../src/graph/walk.ts";
import { type Dimension, lowestOf, placeOfAxis } from "../../src/onnx/dtypes.ts";
import type { KnownValues } from "./residual.ts";
import { TRAITS, type Traits, traitsByBits } from "./traits.ts";

/** Returns the inputs that a product multiplies. */
export const factorsOf = (node: Node): readonly (Value | null)[] =>
  operandsThat(node.op, "factors")?.map((index) => node.inputs[index] ?? null) ?? node.inputs;

/** Returns a function that classifies nodes. Nodes with the same traits share one object. */
export function classifier(known: KnownValues): (node: Node) => Traits {
  const scopes = new Map<Scope, Traits[]>();
  return (node) => {
    let traits = scopes.get(node.scope);
    if (!traits) {
      traits = new Array<Traits>(node.scope.nodes.length);
      scopes.set(node.scope, traits);
    }
    traits[node.index] ??= traitsByBits(traitsOf(known, node));
    return traits[node.index];
  };
}

/** Classifies a node by its operator and its constant inputs: returns its traits as bits. */
function traitsOf({ constants, types }: KnownValues, node: Node): number {
  const { op } = node;
  const plain = inFloats(op);
  const product =
    hasFact(op, "product") &&
    (operandsThat(op, "factors") ?? [0, 1]).some((index) => isFixed(constants, node.inputs[index]));
  const convolution =
    hasFact(op, "convolution") && node.inputs.some((at, k) => k > 0 && isFixed(constants, at));
  const oneOperand = computedCount(constants, node) === 1;
  const isQuotient = op === "Div" && isFixed(constants, node.inputs[1]);
  const scale = oneOperand && (plain === "Mul" || isQuotient || op === "Neg");
  const shift = oneOperand && (plain === "Add" || op === "Sub" || op === "Sum");
  const activated = convolution && (textAttribute(node, "activation") ?? "none") !== "none";
  const projection =
    (convolution && !activated) ||
    (product && oneOperand) ||
    hasFact(plain, "projection") ||
    shift ||
    hasFact(op, "enlarges");
  const layout = hasFact(plain, "layout");
  const linear = layout || hasFact(op, "addition") || scale || projection;
  let traits = 0;
  if (layout) traits |= TRAITS.layout;
  if (scale) traits |= TRAITS.scale;
  if (convolution || product || hasFact(op, "block") || mixesWithin(node)) traits |= TRAITS.mixer;
  if (op === "DFT" || (plain === "AveragePool" && !isStrided(node))) traits |= TRAITS.pooling;
  if (projection) traits |= TRAITS.projection;
  if (!linear || (operandsThat(op, "zero") && quantizesToPositive(types, node)))
    traits |= TRAITS.nonlinear;
  if (hasFact(op, "enlarges") && enlarges(types, node)) traits |= TRAITS.upsampling;
  if (reduces(types, node)) traits |= TRAITS.reducing;
  if (layout && repeats(types, node, grows)) traits |= TRAITS.repeating;
  if (layout && repeats(types, node, spreads)) traits |= TRAITS.spreading;
  return traits;
}

/** Returns the inputs that a node computes with: no constants, scales or zero points. */
export const computedBy = (constants: ReadonlySet<Value>, { inputs }: Node): Value[] =>
  inputs.filter((value): value is Value => isComputed(constants, value));

/** Whether an input is present and constant. */
export const isFixed = (constants: ReadonlySet<Value>, value: Value | null | undefined) =>
  value != null && constants.has(value);

const isComputed = (constants: ReadonlySet<Value>, value: Value | null) =>
  value !== null && !constants.has(value) && !quantizes(constants, value);

/** Returns how many inputs a node computes with. */
export function computedCount(constants: ReadonlySet<Value>, { inputs }: Node): number {
  let count = 0;
  for (const value of inputs) if (isComputed(constants, value)) count++;
  return count;
}

/** Returns what the node that makes a value reads, without constants. */
export const computedSources = (
  { constants }: Pick<KnownValues, "constants">,
  value: Value,
): Value[] => sourcesOf(value).filter((source) => !constants.has(source));

/** Whether a value is the scale or zero point of a dynamic quantization, times constants. */
function quantizes(constants: ReadonlySet<Value>, value: Value): boolean {
  if (!isProduct(value)) return isOfQuantizer(value);
  const factors = (of: Value) => (isProduct(of) ? computedSources({ constants }, of) : []);
  let [products, found] = [0, false];
  for (const factor of walk([value], factors)) {
    if (isOfQuantizer(factor)) found = true;
    else if (!isProduct(factor) || ++products > MOST_PRODUCTS) return false;
  }
  return found;
}

/** Number of products above which the factors of a scale are not searched. */
const MOST_PRODUCTS = 16;

const isProduct = ({ producer }: Value) => producer?.op === "Mul";

const isOfQuantizer = (value: Value) =>
  value.producer?.op === "DynamicQuantizeLinear" && value !== value.producer.outputs[0];

/** Whether the zero point is the smallest integer: such a quantizer replaces the Relu before it. */
function quantizesToPositive(types: Types, node: Node): boolean {
  const least = lowestOf(types.get(node.outputs[0]!)?.dtype ?? "");
  const zero = numbersOf(node.inputs[operandsThat(node.op, "zero")?.[0] ?? -1]) ?? [0];
  return zero.every((number) => number === least);
}

/** Whether a result has more positions than the operand; by the operator if sizes are unknown. */
function enlarges(types: Types, node: Node): boolean {
  if (node.op === "ConvTranspose") return isStrided(node);
  const { from, to } = positions(types, node);
  const known = from && to && [...from, ...to].every(isNumber);
  if (!known) return node.op !== "GridSample";
  return to.some((dim, k) => dim > from[k]);
}

/** Whether a result has fewer positions than the operand, by their sizes or the strides. */
function reduces(types: Types, node: Node): boolean {
  if (node.op === "ConvTranspose") return false;
  if (hasFact(node.op, "global")) return true;
  const pooled = hasFact(node.op, "shrinks", "convolution");
  const strided = isStrided(node);
  if (!pooled && !strided) return false;
  const { from, to } = positions(types, node);
  const known = from && to && from.length === to.length && [...from, ...to].every(isNumber);
  return known ? pooled && to.some((dim, k) => dim < from[k]) : strided;
}

const isNumber = (dim: Dimension) => typeof dim === "number";

/** Returns the sizes of a node's first operand and result along the axes after the second. */
function positions(types: Types, { inputs, outputs }: Node) {
  const [from, to] = [inputs[0], outputs[0]].map((value) => types.get(value!)?.shape?.slice(2));
  return { from, to };
}

const isStrided = (node: Node): boolean =>
  attribute(node, "strides")?.ints.some((stride) => stride > 1) ?? false;

/** Whether a node in a body, or in the model's own function that is called, mixes. */
function mixesWithin(node: Node): boolean {
  if (scopesIn(node).length > 0)
    for (const inner of nodesWithin(node))
      if (inner !== node && hasFact(inner.op, "convolution", "product", "block")) return true;
  return false;
}

/**
 * Whether a node lengthens a map by repeating its positions: Tile, Expand (before a Reshape that
 * joins the new axis), Gather of more indices than positions, or Concat of a value with itself.
 * Spreading a single position over all, like a global context, is not repetition.
 */
function repeats(types: Types, node: Node, isMore: typeof grows): boolean {
  const from = types.get(node.inputs[0]!)?.shape;
  const to = types.get(node.outputs[0]!)?.shape;
  if (!from || !to) return false;
  const axis = () => placeOfAxis(attribute(node, "axis")?.i ?? 0, to.length);
  switch (node.op) {
    case "Tile":
    case "Expand":
      return from.some((_, k) => isMore(from, k, to[k + to.length - from.length]));
    case "Gather": {
      const more = to.length === from.length && isLarger(to[axis()], from[axis()]);
      return more && isMore(from, axis(), to[axis()]);
    }
    case "Concat":
      return new Set(node.inputs).size < node.inputs.length && isPositions(axis(), to.length);
    default:
      return false;
  }
}

const isLarger = (a: Dimension, b: Dimension) =>
  typeof a === "number" && typeof b === "number" && a > b;

/** Whether a growing axis repeats positions: one that has several, or a new one beside it. */
function grows(from: readonly Dimension[], axis: number, size: Dimension): boolean {
  if (axis === 0 || from[axis] === size) return false;
  if (from[axis] !== 1) return isPositions(axis, from.length) && isLarger(size, from[axis]);
  return from.filter((dim, k) => k > 0 && dim !== 1).length > 1;
}

/** Whether a growing axis spreads a single position or feature over all. */
const spreads: typeof grows = (from, axis, size) =>
  axis > 0 && from[axis] === 1 && size !== 1 && size !== "";

/** Whether an axis holds positions, as far as the rank shows: neither examples nor features. */
const isPositions = (axis: number, rank: number) => (rank === 3 ? axis === 1 : axis > 1);
