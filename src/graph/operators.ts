import { entry } from "../entry.ts";
import { EXTENSIONS } from "./extension-operators.ts";
import { PLAIN, STANDARD } from "./standard-operators.ts";

/**
 * The facts about an operator, and what each means. An operator without facts is nonlinear, and does
 * not mix features with weights of its own.
 */
export const FACTS = {
  layout: "moves values or casts them; changes none",
  addition: "a sum or difference",
  projection: "a norm, pool or reduction, which may stand on a projected skip",
  convolution: "mixes features with weights if an input after the first is constant",
  product: "mixes features with weights if one of its factors is constant",
  block: "contains its weights and mixes features with them",
  attention: "takes query, key and value in this order, unless they are packed into one",
  enlarges: "can enlarge a feature map",
  random: "draws at random and has a float attribute `seed`",
  normal: "draws normally, with attributes `mean` and `scale`",
  uniform: "draws evenly, with attributes `low` and `high`",
  sizes: "reads only the shape of its input",
  sum: "adds its first inputs, and may norm the sum",
  elementwise: "computes each element from those at its place",
  bilinear: "linear in each of its two operands",
  reshapes: "keeps all elements in their order",
  quantized: "makes or multiplies integers that stand for floats",
  quantizer: "turns floats into integers that stand for them, or back",
  reduces: "reduces its first operand along axes",
  shrinks: "can shrink a feature map",
  global: "pools all positions",
  peaks: "passes on the largest number of a window",
  lookup: "looks up elements by their indices",
  nhwc: "has its channels on the last axis",
  scatters: "writes to some positions of its first operand",
  half: "onnxruntime's CPU provider computes it in half precision",
  missing: "onnxruntime's CPU provider has no kernel for it",
  search: "searches for tokens, with whole models as bodies",
  loop: "runs its body in iterations",
  sensitive:
    "onnxruntime vectorizes it from the first aligned number on, so that rounding depends on the address of the numbers",
  shares: "its result may share memory with its operand",
  carries: "passes the numbers of its operands on unchanged",
  sorts: "passes the numbers of its first operand on, sorted or selected",
  arithmetic: "computes one of the four operations",
  keeps: "its result has the shape of its first operand",
  larger: "shows where its first operand is the larger one",
  smaller: "shows where its first operand is the smaller one",
  broadcasts: "broadcasts its operands against each other",
  shortens: "its result has at most as many elements as its first operand",
  grows: "makes many elements from few",
  sized: "its constants give the exact number of elements of its result",
  steps: "its result is constant between the values at which it jumps",
  saturates: "its result is constant, or nearly so, beyond a bound of its operand",
  varying: "its result has as many elements as values decide",
  counts: "is used to compute shapes",
  shaped: "reads a shape, sizes or axes after its data",
  norm: "norms its first operand, whose shape it keeps",
  activation: "an activation",
  step: "occurs in decomposed norms or activations",
  normstep: "stands in decomposed norms",
  matmul: "a product of two matrices, plus its third operand if there is one",
  chooses: "returns the index of the largest of its scores",
  minor: "characterizes a branch little",
} as const;

/** Facts about some of the operands, whose positions follow: `settings=1,2`. */
export const OPERAND_FACTS = {
  settings: "say how it computes, or what its data was like; training does not change them",
  weights: "are weights if they are constant",
  axes: "have an element for each axis of the result",
  added: "are added to a product",
  closed: "are added within, and not as plain operands",
  factors: "are multiplied; by default the first and second",
  zero: "are the zero point of the result",
} as const;

/** Facts that name another operator: `floats=Add`. */
export const OPERATOR_FACTS = {
  floats: "is computed in integers that stand for floats",
} as const;

/** A fact about an operator. */
export type Fact = keyof typeof FACTS;

interface Operator {
  /** The version of its domain's operator set that introduced it. */
  readonly since: number;
  readonly facts: ReadonlySet<string>;
}

const rowsOf = (table: string) =>
  table
    .trim()
    .split("\n")
    .map((row) => row.split(" "));

const operator = (since: string, facts: readonly string[]): Operator => ({
  since: Number(since),
  facts: new Set(facts),
});

const operators: ReadonlyMap<string, Operator> = new Map([
  ...rowsOf(`${STANDARD}${EXTENSIONS.trim()}`).map(
    ([name, since, ...facts]): [string, Operator] => [name, operator(since, facts)],
  ),
  ...rowsOf(PLAIN).flatMap(([since, ...names]) =>
    names.map((name): [string, Operator] => [name, operator(since, [])]),
  ),
]);

/** Returns the operators with this fact, named as in nodes: "com.microsoft.Gelu". */
export const operatorsThat = (fact: Fact): ReadonlySet<string> =>
  new Set([...operators].filter(([, { facts }]) => facts.has(fact)).map(([name]) => name));

/** Whether an operator, named as in nodes, has one of these facts. */
export function hasFact(op: string | undefined, ...any: readonly Fact[]): boolean {
  const facts = operators.get(op ?? "")?.facts;
  // A callback would make an object of each question, and matching asks many.
  if (facts) for (const fact of any) if (facts.has(fact)) return true;
  return false;
}

/** The operands with a fact, positions by fact and operator. */
const operands = new Map<string, Map<string, readonly number[]>>();
const floats = new Map<string, string>();
for (const [op, { facts }] of operators)
  for (const word of facts) {
    const [fact, what] = word.split("=");
    if (fact === "floats") floats.set(op, what);
    else if (what) entry(operands, fact, () => new Map()).set(op, what.split(",").map(Number));
  }

/** Returns the positions of the operands of an operator that have this fact; undefined if none have. */
export const operandsThat = (op: string, fact: keyof typeof OPERAND_FACTS) =>
  operands.get(fact)?.get(op);

/** Returns the operator that a quantized one stands for: Mul for com.microsoft.QLinearMul. */
export const inFloats = (op: string): string => floats.get(op) ?? op;

/** Returns the name of an operator without its domain. */
export const withoutDomain = (op: string): string => op.slice(op.lastIndexOf(".") + 1);

/** Whether the table contains an operator. */
export const isKnownOperator = (op: string): boolean => operators.has(op);

/** Returns the opset of its domain that introduced an operator; 1 if the table lacks it. */
export const sinceOf = (op: string): number => operators.get(op)?.since ?? 1;
