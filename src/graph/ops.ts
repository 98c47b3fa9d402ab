import type { Attributes, NewNode } from "../onnx/new-node.ts";
import { type Arguments, OPERATORS, type Signature } from "./signatures.ts";

type Operators = typeof OPERATORS;

/**
 * The vocabulary over names of values: a call writes a node. An operator with several outputs takes
 * their number last and returns a list.
 */
export type Ops<V = string> = {
  readonly [Op in keyof Operators]: Operators[Op] extends Signature<
    infer I extends readonly unknown[],
    infer O extends readonly unknown[],
    infer Several
  >
    ? (...given: [...Arguments<I, V>, ...O]) => Several extends true ? V[] : V
    : never;
};

/** What a call of an operator produces. */
interface Call {
  readonly op: keyof Operators;
  /** The inputs; null for an absent optional one. Trailing absent ones are omitted. */
  readonly inputs: readonly (string | null)[];
  readonly attributes: Attributes;
  readonly outputs: number;
}

/** Takes a call and returns its outputs. */
export type Emit = (call: Call) => readonly string[];

/** Returns the node for a call over names; the node is named `label`, and so are its outputs. */
export function nodeOf(
  { op, inputs, attributes, outputs }: Omit<Call, "op"> & { readonly op: string },
  fresh: (name: string) => string,
  label: string,
): NewNode {
  const first = fresh(label);
  const made = [first];
  while (made.length < outputs) made.push(fresh(`${label}:${made.length}`));
  return { name: first, op, inputs: inputs.map((name) => name ?? ""), outputs: made, attributes };
}

const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** Its methods, one per operator, are created once: passes create one for every insertion point. */
class Vocabulary {
  readonly emit: Emit;
  constructor(emit: Emit) {
    this.emit = emit;
  }
}
for (const [op, { count, several }] of Object.entries(OPERATORS))
  Object.defineProperty(Vocabulary.prototype, op, {
    value: function (this: Vocabulary, ...given: unknown[]) {
      const operands = given.slice(0, count).map((operand) => operand ?? null);
      const inputs = (operands.some(Array.isArray) ? operands.flat() : operands) as (
        | string
        | null
      )[];
      while (inputs.length > 0 && inputs.at(-1) === null) inputs.pop();
      const attributes = (given[count] ?? NO_ATTRIBUTES) as Attributes;
      const outputs = several ? (given[count + 1] as number) : 1;
      const made = this.emit({ op: op as keyof Operators, inputs, attributes, outputs });
      return several ? made : made[0];
    },
  });

/** Returns the vocabulary over a function that handles every call. */
export const opsOver = (emit: Emit): Ops => new Vocabulary(emit) as unknown as Ops;
