import { InputError } from "../../src/errors.ts";
import { titleOf } from "../../src/graph/called.ts";
import { dataOf } from "../../src/graph/constants.ts";
import { attribute, type Graph, type Node, textAttribute } from "../../src/graph/graph.ts";
import { attributesOf, type NodeView } from "../../src/graph/node-view.ts";
import type { Portable } from "../../src/graph/portable.ts";
import type { Types } from "../../src/graph/types.ts";
import type { Attributes } from "../../src/onnx/new-node.ts";
import { float } from "../../src/onnx/new-node.ts";
import type { Dimension } from "../../src/onnx/shape.ts";

/** One node of a composite operator, as the rule that opens it reads it. */
export interface Composite<V> extends NodeView<V> {
  /** Writes nodes of operators whose form changed with the opset. */
  readonly to: Portable<V>;
  /** A scalar of the first input's type, or another. */
  readonly scalar: (value: number, dtype?: string) => V;
  /** The input at this place. Refuses where it is absent. */
  readonly input: (index: number) => V;
  /** Whether an input is neither a weight nor a constant. */
  readonly computed: (index: number) => boolean;
  /** The raw data of an input that is a weight or constant, null of any other. */
  readonly data: (index: number) => Uint8Array | null;
  readonly dtype: (index: number) => string;
  /** Sizes of an input; refuses where its rank is not known. */
  readonly shape: (index: number) => readonly Dimension[];
  readonly texts: (name: string) => readonly string[];
  /** Those of the node's attributes that a plainer operator takes over as they are. */
  readonly kept: (...names: readonly string[]) => Attributes;
  /** Whether the output at this place is there. */
  readonly wants: (index: number) => boolean;
  /** Adds steps that are written out one by one; how many there are with those of the nodes before. */
  readonly unrolled: (steps: number) => number;
}

/** The plain operators that a composite one stands for: its outputs, null for those not asked for. */
export type LoweringRule = <V>(call: Composite<V>) => readonly (V | null)[];

/** What a rule does not open. */
export class NotOpened extends InputError {}

/** Whether an input is there, and is neither a weight nor a constant. */
export const isComputed = ({ inputs }: Node, index: number): boolean => {
  const value = inputs[index];
  return value != null && value.initializer === null && value.producer?.op !== "Constant";
};

/** What the writer of plain operators brings to a rule. */
type Writer = Pick<Composite<string>, "op" | "opset" | "to" | "constant" | "unrolled">;

/** Reads a node for the rule that opens it. */
export function compositeOf(
  graph: Graph,
  types: Types,
  node: Node,
  writer: Writer,
): Composite<string> {
  const refuse = (why: string): never => {
    throw new NotOpened(`${titleOf(node)} is not opened into plain operators: ${why}.`);
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
    kept: (...names) => Object.fromEntries(names.flatMap((name) => copied(graph, node, name))),
    wants: (index) => node.outputs[index] != null,
    refuse,
  };
}

function copied(graph: Graph, node: Node, name: string): [string, Attributes[string]][] {
  const one = attribute(node, name);
  if (!one) return [];
  if (one.i !== null) return [[name, one.i]];
  if (one.f !== null) return [[name, float(one.f)]];
  if (one.s !== null) return [[name, textAttribute(graph, node, name)!]];
  return [[name, one.floats.length > 0 ? float(one.floats) : one.ints]];
}
