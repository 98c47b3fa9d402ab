import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { dataOf, numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Types, textAttribute, titleOf } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import { type Attributes, float } from "../../src/onnx/new-node.ts";

/** One node of a composite operator, as the rule that lowers it reads it. */
export type Composite = ReturnType<typeof compositeOf>;

/** Writes plain operators in place of a composite one; returns its outputs, asked for or not. */
export type LoweringRule = (call: Composite) => readonly (string | null)[];

export type LoweringTable = Readonly<Record<string, LoweringRule>>;

/** Thrown for a node that a rule cannot lower. */
export class NotLowered extends InputError {
  /** The reason as a clause, without the node. */
  readonly why: string;
  constructor(message: string, why: string) {
    super(message);
    this.why = why;
  }
}

/** Whether an input is present, and is neither a weight nor a constant. */
export const isComputed = ({ inputs }: Node, index: number): boolean => {
  const value = inputs[index];
  return value != null && value.initializer === null && value.producer?.op !== "Constant";
};

/** What the writer of plain operators passes to a rule, and the steps that are unrolled so far. */
export type PlainWriter = Pick<Builder, "op" | "to" | "constant"> & {
  /** Version of ai.onnx that the model imports. */
  readonly opset: number;
  readonly unrolled: { steps: number };
};

/**
 * Maximum number of unrolled steps of all nodes and directions. onnxruntime loads an unrolled and
 * differentiated recurrence in a time that grows with the square of its steps.
 */
const MOST_STEPS = 512;

const operandsOf = (types: Types, node: Node, refuse: (why: string) => never) => {
  const typeOf = (index: number) => {
    const value = node.inputs[index];
    return (value && types.get(value)) ?? refuse(`the type of its input ${index} is not known`);
  };
  const inputs: readonly (string | null)[] = node.inputs.map((value) => value?.name ?? null);
  return {
    inputs,
    /** Returns the input at this index. Throws if it is absent. */
    input: (index: number) => inputs[index] ?? refuse(`its input ${index} is absent`),
    /** Whether an input is neither a weight nor a constant. */
    computed: (index: number) => isComputed(node, index),
    /** Returns the raw data of an input that is a weight or constant, otherwise null. */
    data: (index: number) => dataOf(node.inputs[index]),
    /** Returns the numbers of a small constant input. Throws if they are computed. */
    numbers: (index: number, what: string) =>
      numbersOf(node.inputs[index]) ?? refuse(`its ${what} are computed from the data`),
    dtype: (index: number): string => typeOf(index).dtype,
    /** Returns the sizes of an input; throws if its rank is unknown. */
    shape: (index: number) =>
      typeOf(index).shape ?? refuse(`the rank of its input ${index} is not known`),
    wants: (index: number) => node.outputs[index] != null,
  };
};

/** Reads a node for the rule that lowers it. */
export function compositeOf(types: Types, node: Node, { unrolled, ...writer }: PlainWriter) {
  /** Throws the InputError that says why the rule does not cover this node. */
  const refuse = (why: string): never => {
    throw new NotLowered(`${titleOf(node)} cannot be lowered into plain operators: ${why}.`, why);
  };
  const operands = operandsOf(types, node, refuse);
  return {
    ...writer,
    ...attributesOf(node),
    ...operands,
    refuse,
    /** Returns a scalar of the first input's type, or of another. */
    scalar: (value: number, dtype = operands.dtype(0)) => writer.constant(dtype, [], [value]),
    texts: (name: string) => attribute(node, name)?.strings ?? [],
    /** Returns those attributes of the node that a plain operator takes unchanged. */
    kept: (...names: readonly string[]) => copiedAttributes(node, names),
    /** Counts unrolled steps in each direction; refuses if all nodes together have too many. */
    unrolled(steps: number, directions: number): void {
      unrolled.steps += steps * directions;
      if (unrolled.steps > MOST_STEPS)
        refuse(
          `its ${steps} steps${directions > 1 ? " in each direction" : ""} make ${unrolled.steps} in all, but at most ${MOST_STEPS} are unrolled; give shorter sequences, or end at a value before it (--until)`,
        );
    },
    /** Returns a size; refuses the node for this reason if the size is not fixed. */
    fixed: (size: Dimension | undefined, why: string) =>
      typeof size === "number" ? size : refuse(why),
  };
}

/** The first opset in which a Split of equal pieces states their number. */
const COUNTED = 18;

/** Cuts an axis into equal pieces; a list of sizes would be too long for shape inference. */
export const equalPieces = (
  { op, opset }: Pick<Composite, "op" | "opset">,
  x: string,
  axis: number,
  count: number,
): string[] =>
  count === 1
    ? [x]
    : op.Split(x, null, { axis, ...(opset < COUNTED ? {} : { num_outputs: count }) }, count);

/** Adds an input that may be absent to a value. */
export const plus = ({ op, inputs }: Composite, x: string, index: number): string =>
  inputs[index] == null ? x : op.Add(x, inputs[index]);

/** Returns those attributes of a node that have one of these names, as a new node takes them. */
export const copiedAttributes = (node: Node, names: readonly string[]): Attributes =>
  Object.fromEntries(names.flatMap((name) => copied(node, name)));

function copied(node: Node, name: string): [string, Attributes[string]][] {
  const one = attribute(node, name);
  if (!one) return [];
  if (one.i !== null) return [[name, one.i]];
  if (one.f !== null) return [[name, float(one.f)]];
  if (one.s !== null) return [[name, textAttribute(node, name)!]];
  return [[name, one.floats.length > 0 ? float(one.floats) : one.ints]];
}
