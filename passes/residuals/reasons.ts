import type { Value } from "../../src/graph/graph.ts";

/** Why a sum is not a residual connection, in words, by code. */
const SENTENCES = {
  integers: (dtype: string) => `adds ${dtype} values, which are no features`,
  allConstant: () => "adds constants only",
  bias: (value: Value) => `adds the constant ${value.name}: a bias, an epsilon or a position`,
  constantSkip: () =>
    "constant skip: the operand the branch starts from is the same for every input, so nothing could be learned from it",
  doubled: () => "adds a value to itself",
  many: (terms: number) => `adds ${terms} values, more than the skip and branches of a residual`,
  unknownShape: (value: Value) => `the shape of ${value.name} is not known`,
  broadcast: (shapes: readonly string[]) =>
    `broadcasts: the operands have the shapes ${shapes.join(" and ")}`,
  unrelated: () => "no operand is computed from another: parallel branches, a mask or an embedding",
  unlearned: (x: Value) =>
    `nothing learned that mixes features lies between ${x.name} and the sum: an activation, a rotation, a norm or a pool`,
  gated: (x: Value) => `gate (squeeze-and-excitation): the branch is ${x.name} times a gate`,
  position: () =>
    "only queries, keys or sampling places are made of it: a position that is added beside the stream",
  opensGate: () => "only a gate's Sigmoid is taken of it: no stream goes on from it",
  computedBias: (bias: Value) => `its bias ${bias.name} is computed from the input`,
  takenOut: (x: Value) =>
    `${x.name} is taken out again by the branch: a gate between two values, or a straight-through estimator`,
  merge: () =>
    "merge: one side comes from a map of another scale (Resize, ConvTranspose, repeated positions)",
  joined: (sum: Value) =>
    `merge: ${sum.name} is a residual sum itself, and what is added to it does not come from its skip`,
  linear: (x: Value) =>
    `both operands are linear in ${x.name}, norms and pools aside: a re-parameterised or low-rank (LoRA) sum`,
  foreign: (x: Value, other: Value) =>
    `the branch also comes from ${other.name}, not only from ${x.name} that the other operand is made of`,
  closed: (op: string) =>
    `is added inside ${op}, which does not take the branch as a float operand: it must be opened into a plain sum first`,
  blocked: () =>
    "is added in NCHWc blocks, which onnxruntime lays out for the processor at hand: run this on the model before it was optimised, or on one optimised at level extended at most",
  closedFunction: (name: string, why: string) =>
    `calls the function ${name}, whose sums cannot be looked at: ${why}; convert the model or the function to one opset`,
  notLowered: (why: string) => why,
  noFeatureAxis: (why: string) => `no feature axis: ${why}; name it with --feature-axis`,
};

/** Why a sum is not a residual connection, for programs. */
export type ReasonCode = keyof typeof SENTENCES;

/** A reason with its code, and as a clause for a person. */
export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
}

/** Makes reasons, by code. */
export const whyNot = Object.fromEntries(
  Object.entries(SENTENCES).map(([code, sentence]) => [
    code,
    (...args: never[]) => ({ code, text: (sentence as (...args: never[]) => string)(...args) }),
  ]),
) as { [Code in ReasonCode]: (...args: Parameters<(typeof SENTENCES)[Code]>) => Reason };
