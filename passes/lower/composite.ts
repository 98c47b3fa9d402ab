import { InputError } from "../../src/errors.ts";
import { dataOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Graph,
  type Node,
  type Types,
  textAttribute,
  titleOf,
} from "../../src/graph/graph.ts";
import { attributesOf, type NodeView } from "../../src/graph/node-view.ts";
import type { Portable } from "../../src/graph/portable.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import { type Attributes, float } from "../../src/onnx/new-node.ts";

/** One node of a composite operator, as the rule that lowers it reads it. */
export interface Composite<V> extends NodeView<V> {
  /** Writes operators whose form changed between opsets. */
  readonly to: Portable<V>;
  /** Returns a scalar of the first input's type, or of another. */
  readonly scalar: (value: number, dtype?: string) => V;
  /** Returns the input at this index. Throws if it is absent. */
  readonly input: (index: number) => V;
  /** Whether an input is neither a weight nor a constant. */
  readonly computed: (index: number) => boolean;
  /** Returns the raw data of an input that is a weight or constant, otherwise null. */
  readonly data: (index: number) => Uint8Array | null;
  readonly dtype: (index: number) => string;
  /** Returns the sizes of an input; throws if its rank is unknown. */
  readonly shape: (index: number) => readonly Dimension[];
  readonly texts: (name: string) => readonly string[];
  /** Returns those attributes of the node that a plain operator takes unchanged. */
  readonly kept: (...names: readonly string[]) => Attributes;
  /** Whether the output at this index is present. */
  readonly wants: (index: number) => boolean;
  /** Counts unrolled steps in each direction; refuses if all nodes together have too many. */
  readonly unrolled: (steps: number, directions: number) => void;
  /** Returns a size; refuses the node for this reason if the size is not fixed. */
  readonly fixed: (size: Dimension | undefined, why: string) => number;
}

/** Writes plain operators in place of a composite one; returns its outputs, asked for or not. */
export type LoweringRule = <V>(call: Composite<V>) => readonly (V | null)[];

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
export type PlainWriter = Pick<Composite<string>, "op" | "opset" | "to" | "constant"> & {
  readonly unrolled: { steps: number };
};

/**
 * Maximum number of unrolled steps of all nodes and directions. onnxruntime loads an unrolled and
 * differentiated recurrence in a time that grows with the square of its steps.
 */
const MOST_STEPS = 512;

/** Reads a node for the rule that lowers it. */
export function compositeOf(
  graph: Graph,
  types: Types,
  node: Node,
  { unrolled, ...writer }: PlainWriter,
): Composite<string> {
  const refuse = (why: string): never => {
    throw new NotLowered(`${titleOf(node)} cannot be lowered into plain operators: ${why}.`, why);
  };
  const typeOf = (index: number) => {
    const value = node.inputs[index];
    return (value && types.get(value)) ?? refuse(`the type of its input ${index} is not known`);
  };
  const dtype = (index: number) => typeOf(index).dtype;
  return {
    ...writer,
    inputs: node.inputs.map((value) => value?.name ?? null),
    scalar: (value, type = dtype(0)) => writer.constant(type, [], [value]),
    input: (index) => node.inputs[index]?.name ?? refuse(`its input ${index} is absent`),
    computed: (index) => isComputed(node, index),
    data: (index) => dataOf(graph, node.inputs[index]),
    dtype,
    shape: (index) => typeOf(index).shape ?? refuse(`the rank of its input ${index} is not known`),
    ...attributesOf(graph, node),
    texts: (name) => attribute(node, name)?.strings ?? [],
    kept: (...names) => copiedAttributes(graph, node, names),
    wants: (index) => node.outputs[index] != null,
    refuse,
    unrolled(steps, directions) {
      unrolled.steps += steps * directions;
      if (unrolled.steps > MOST_STEPS)
        refuse(
          `its ${steps} steps${directions > 1 ? " in each direction" : ""} make ${unrolled.steps} in all, but at most ${MOST_STEPS} are unrolled; give shorter sequences, or end at a value before it (--until)`,
        );
    },
    fixed: (size, why) => (typeof size === "number" ? size : refuse(why)),
  };
}

/** The first opset in which a Split of equal pieces states their number. */
const COUNTED = 18;

/** Cuts an axis into equal pieces; a list of sizes would be too long for shape inference. */
export const equalPieces = <V>(
  { op, opset }: Pick<Composite<V>, "op" | "opset">,
  x: V,
  axis: number,
  count: number,
): V[] =>
  count === 1
    ? [x]
    : op.Split(x, null, { axis, ...(opset < COUNTED ? {} : { num_outputs: count }) }, count);

/** Adds an input that may be absent to a value. */
export const plus = <V>({ op, inputs }: Composite<V>, x: V, index: number): V =>
  inputs[index] == null ? x : op.Add(x, inputs[index]);

/** Returns those attributes of a node that have one of these names, as a new node takes them. */
export const copiedAttributes = (graph: Graph, node: Node, names: readonly string[]): Attributes =>
  Object.fromEntries(names.flatMap((name) => copied(graph, node, name)));

function copied(graph: Graph, node: Node, name: string): [string, Attributes[string]][] {
  const one = attribute(node, name);
  if (!one) return [];
  if (one.i !== null) return [[name, one.i]];
  if (one.f !== null) return [[name, float(one.f)]];
  if (one.s !== null) return [[name, textAttribute(graph, node, name)!]];
  return [[name, one.floats.length > 0 ? float(one.floats) : one.ints]];
}
