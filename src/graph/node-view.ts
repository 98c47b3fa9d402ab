import { numbersOf } from "./constants.ts";
import { attribute, type Node, textAttribute } from "./graph.ts";
import type { Form } from "./portable.ts";

/** What every rule sees of a node: its inputs and attributes, and what it writes further nodes with. */
export interface NodeView extends ReturnType<typeof attributesOf>, Form {
  /** Its inputs; null if one is absent. */
  readonly inputs: readonly (string | null)[];
  /** Throws the InputError that says why the rule does not cover this node. */
  readonly refuse: (why: string) => never;
}

/** Reads a node's attributes by name: a fallback, or null, if the node has no such attribute. */
export const attributesOf = (node: Node) => ({
  /** An integer. */
  int: (name: string, fallback: number) => attribute(node, name)?.i ?? fallback,
  /** A list of integers. */
  ints: (name: string) => attribute(node, name)?.ints ?? null,
  /** A list of integers that is an attribute, or in newer opsets an input; null if it is computed. */
  list: (name: string, input: number) =>
    attribute(node, name)?.ints ?? numbersOf(node.inputs[input]),
  /** A float. */
  float: (name: string, fallback: number) => attribute(node, name)?.f ?? fallback,
  /** A list of floats. */
  floats: (name: string) => attribute(node, name)?.floats ?? null,
  /** A string. */
  text: (name: string, fallback: string) => textAttribute(node, name) ?? fallback,
});
