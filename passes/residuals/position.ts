import { readsShapeOnly } from "../../src/graph/constants.ts";
import { type Node, outputsOf, type Use, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats, operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedCount } from "./operators.ts";
import type { Setting, Sum } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";

const PRODUCTS: ReadonlySet<string> = new Set([...operatorsThat("bilinear"), "Einsum"]);

/** Maximum number of values that a search visits. */
const LOOKS = 256;

/**
 * Whether a sum is the stream plus a position, as in DETR's decoders. All that is computed from it
 * ends in attention weights or sampling positions, and one of its terms continues into another sum.
 */
export const isPosition = (setting: Setting, { node, output, terms }: Sum): boolean =>
  endsOnly(output, {
    isEnd: (use) => ends(setting, use),
    carries: (step) => carries(setting, step),
  }) && terms.some(({ value }) => goesOn(setting, value, node));

/** Whether the origin of a term is added elsewhere too. */
function goesOn(setting: Setting, term: Value, sum: Node): boolean {
  const moved = ({ uses }: Value) =>
    uses.flatMap(({ node, index }) =>
      node !== sum && index === 0 && setting.traits(node).layout ? outputsOf(node) : [],
    );
  const origins = [...skipChain(setting, term)].filter(({ kind }) => kind === "identity");
  const values = origins.map(({ value }) => value);
  for (const { uses } of walk(values, moved, LOOKS))
    for (const { node } of uses)
      if (node !== sum && hasFact(node.op, "sum") && computedCount(setting.constants, node) > 1)
        return true;
  return false;
}

/** Where the paths from a value end, what they pass, and which ends count. */
interface Ends {
  readonly isEnd: (use: Use) => boolean;
  readonly carries: (node: Node) => boolean;
  /** All if absent. */
  readonly counts?: (use: Use) => boolean;
}

/** Whether all paths from a value end as stated, and one of the ends counts. */
function endsOnly(value: Value, { isEnd, carries, counts = () => true }: Ends): boolean {
  let further: Value[] = [];
  let [looks, reaches] = [0, false];
  for (const { isOutput, uses } of walk([value], () => further)) {
    if (isOutput || ++looks > LOOKS) return false;
    further = [];
    for (const use of uses) {
      if (readsShapeOnly(use.node)) continue;
      if (isEnd(use)) reaches ||= counts(use);
      else if (carries(use.node)) further.push(...outputsOf(use.node));
      else return false;
    }
  }
  return reaches;
}

/** Whether a value is used as a query, a key or sampling positions. */
function ends(setting: Setting, { node, index }: Use): boolean {
  if (node.op === "Softmax") return weighs(setting, node.outputs[0]!);
  const apart = hasFact(node.op, "attention") && [1, 2].every((k) => node.inputs[k]);
  return (apart && index < 2) || (node.op === "GridSample" && index === 1);
}

/** Whether a sum holds attention scores: scaled, masked or added to, they go into a Softmax that weighs values. */
export const areScores = (setting: Setting, sum: Value): boolean =>
  endsOnly(sum, {
    isEnd: ({ node }) => node.op === "Softmax",
    carries: (node) => isMoved(setting, node) || hasFact(node.op, "sum") || node.op === "Where",
    counts: ({ node }) => weighsSome(setting, node),
  });

/** Whether what a Softmax gives is multiplied with other values, padded, masked or not. */
function weighsSome(setting: Setting, softmax: Node): boolean {
  const next = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (setting.traits(node).mixer ? [] : outputsOf(node)));
  for (const { uses } of walk(outputsOf(softmax), next, LOOKS))
    if (uses.some(({ node }) => multiplies(setting, node))) return true;
  return false;
}

/** Whether everything computed from a Softmax multiplies other values. */
const weighs = (setting: Setting, value: Value): boolean =>
  endsOnly(value, {
    isEnd: ({ node }) => multiplies(setting, node),
    carries: (node) => isMoved(setting, node),
  });

const multiplies = ({ constants }: Setting, node: Node) =>
  PRODUCTS.has(node.op) && computedCount(constants, node) > 1;

/** Whether a node passes a value on, times a constant or not. */
const isMoved = ({ traits }: Setting, node: Node) => traits(node).layout || traits(node).scale;

const carries = (setting: Setting, node: Node): boolean =>
  isMoved(setting, node) ||
  setting.traits(node).projection ||
  PRODUCTS.has(node.op) ||
  hasFact(node.op, "normstep") ||
  node.op === "Where";

const SQUASHING = /^((Hard)?Sigmoid|Tanh)$/;

/**
 * Whether only the activations of a gate read a value, up to a bias or factor, such as the Sigmoid
 * of W f(x) + U x in a gated unit. A Tanh may read it too, as in an LSTM's cell.
 */
export function opensGate(setting: Setting, value: Value): boolean {
  return endsOnly(value, {
    isEnd: ({ node }) =>
      SQUASHING.test(inFloats(node.op)) && outputsOf(node).some((made) => gates(setting, made)),
    carries: (node) => isMoved(setting, node) || isShift(setting, node),
    counts: ({ node }) => node.op !== "Tanh",
  });
}

/** Whether a value, or one minus it, multiplies another computed value. */
function gates(setting: Setting, value: Value): boolean {
  const passes = (node: Node) => setting.traits(node).layout || isShift(setting, node);
  const passed = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (passes(node) ? outputsOf(node).slice(0, 1) : []));
  for (const { uses } of walk([value], passed, LOOKS))
    if (uses.some(({ node }) => isGating(setting, node))) return true;
  return false;
}

const isGating = ({ constants }: Setting, node: Node) =>
  inFloats(node.op) === "Mul" && computedCount(constants, node) > 1;

const isShift = ({ constants }: Setting, node: Node) =>
  hasFact(node.op, "addition") && computedCount(constants, node) === 1;
