import { attribute, type Graph, type Node, textAttribute } from "./graph.ts";
import type { Ops } from "./ops.ts";
import type { Constant } from "./portable.ts";

/** What every rule sees of a node: its inputs and attributes, and what it writes further nodes with. */
export interface NodeView<V> extends NodeAttributes {
  /** Writes nodes of operators whose form is the same in all opsets. */
  readonly op: Ops<V>;
  readonly constant: Constant<V>;
  /** Version of ai.onnx that the model imports. */
  readonly opset: number;
  /** Its inputs; null if one is absent. */
  readonly inputs: readonly (V | null)[];
  /** Throws the InputError that says why the rule does not cover this node. */
  readonly refuse: (why: string) => never;
}

/** A node's attributes by name. */
export interface NodeAttributes {
  /** Returns an integer, or the fallback if the node has no such attribute. */
  readonly int: (name: string, fallback: number) => number;
  /** Returns integers; null if the node has no such attribute. */
  readonly ints: (name: string) => readonly number[] | null;
  /** Returns a number, or the fallback if the node has no such attribute. */
  readonly float: (name: string, fallback: number) => number;
  /** Returns numbers; null if the node has no such attribute. */
  readonly floats: (name: string) => readonly number[] | null;
  /** Returns a text, or the fallback if the node has no such attribute. */
  readonly text: (name: string, fallback: string) => string;
}

/** Reads a node's attributes. */
export const attributesOf = (graph: Graph, node: Node): NodeAttributes => ({
  int: (name, fallback) => attribute(node, name)?.i ?? fallback,
  ints: (name) => attribute(node, name)?.ints ?? null,
  float: (name, fallback) => attribute(node, name)?.f ?? fallback,
  floats: (name) => attribute(node, name)?.floats ?? null,
  text: (name, fallback) => textAttribute(graph, node, name) ?? fallback,
});
