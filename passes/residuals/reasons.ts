import type { Value } from "../../src/graph/graph.ts";

/** Clauses that say why a sum is not a residual connection, by code. A clause follows the sum's name. */
const SENTENCES = {
  integers: (dtype: string) => `adds ${dtype} values, which are not features`,
  allConstant: () => "adds only constants",
  bias: (value: Value) => `adds the constant ${value.name}: a bias, an epsilon or a position`,
  constantSkip: () =>
    "has a constant skip: the branch starts from an operand that is the same for every input, so there is nothing to learn from it",
  onlySized: () => "is read only for its shape: no value is computed from it",
  doubled: () => "adds a value to itself",
  many: (terms: number) =>
    `adds ${terms} values, more than a skip and the branches of a residual connection`,
  unknownShape: (value: Value) =>
    `cannot be checked because the shape of ${value.name} is not known`,
  broadcast: (shapes: readonly string[]) =>
    `broadcasts its operands, which have the shapes ${shapes.join(" and ")}`,
  unrelated: () =>
    "adds parallel branches, a mask or an embedding: no operand is computed from another",
  unlearned: (x: Value, operand: Value) =>
    `has nothing learned that mixes features between ${x.name} and the operand ${operand.name}, only activations, rotations, norms, pools or products of computed values`,
  scores: () =>
    "adds attention scores, such as those of content and of positions, or a mask: a Softmax turns them into weights",
  gated: (x: Value) => `is a gate (squeeze-and-excitation): the branch is ${x.name} times a gate`,
  position: () =>
    "adds a position beside the stream: only queries, keys or sampling positions are computed from it",
  injected: (x: Value) =>
    `adds the encoding ${x.name}: the branch comes from it only through other sums that add it`,
  opensGate: () => "feeds only a gate's Sigmoid, so the stream does not continue from it",
  computedBias: (bias: Value) => `has a bias, ${bias.name}, that is computed from the input`,
  takenOut: (x: Value) =>
    `subtracts ${x.name} again in its branch: a gate between two values, a straight-through estimator, or parts of one value`,
  selected: (x: Value) =>
    `takes ${x.name} at some positions and the branch at the others: masks that choose between two values`,
  merge: () =>
    "is a merge: one side comes from a map of another scale (Resize, ConvTranspose, repeated positions)",
  joined: (sum: Value) =>
    `is a merge: ${sum.name} is a residual sum itself, and the value added to it does not come from its skip`,
  linear: (x: Value) =>
    `is a reparameterized or low-rank (LoRA) sum: both operands are linear in ${x.name}, apart from norms and pools`,
  foreign: (x: Value, other: Value) =>
    `has a branch that also comes from ${other.name}, while the other operand comes only from ${x.name}`,
  closed: (op: string) =>
    `is added inside ${op}, which does not take the branch as a float operand; lower it into a plain sum first`,
  scattered: () =>
    "is added at some positions only, by a scatter, where LAuReL has no operand of the sum's shape",
  subtracted: (x: Value) =>
    `subtracts ${x.name} from what is computed from it, f(x) - x, where a residual connection adds it`,
  blocked: () =>
    "is added in NCHWc blocks, which onnxruntime chooses for one processor; use the model before it was optimized, or one optimized at level extended at most",
  closedFunction: (name: string, why: string) =>
    `calls the function ${name}, whose sums cannot be inspected: ${why}; convert the model or the function to one opset`,
  notLowered: (why: string) => why,
  noFeatureAxis: (why: string) => `has no feature axis: ${why}; name it with --feature-axis`,
};

/** A code for why a sum is not a residual connection. */
export type ReasonCode = keyof typeof SENTENCES;

/** A reason: its code, and a clause for people. */
export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
}

/** Creates reasons, by code. */
export const reasons = Object.fromEntries(
  Object.entries(SENTENCES).map(([code, sentence]) => [
    code,
    (...args: never[]) => ({ code, text: (sentence as (...args: never[]) => string)(...args) }),
  ]),
) as { [Code in ReasonCode]: (...args: Parameters<(typeof SENTENCES)[Code]>) => Reason };
