import { numbersOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Graph,
  type Node,
  textAttribute,
  type Value,
} from "../../src/graph/graph.ts";
import type { Types } from "../../src/graph/types.ts";
import { isFloat } from "../../src/graph/types.ts";
import { isHalf } from "../../src/onnx/dtypes.ts";
import type { At } from "./rules/rule.ts";

/** What fold knows of a model. */
export interface Facts {
  readonly graph: Graph;
  readonly types: Types;
  /** Values that no input's data can change. */
  readonly constants: ReadonlySet<Value>;
}

/** Whether weights of a type take a factor in. */
export const takesFactors = (dtype: string) => isFloat(dtype) && !isHalf(dtype);

type Shape = readonly (number | null)[] | null;

/** The shape of a value; an unknown size is null, an unknown rank too. */
export const shapeOf = ({ types }: Pick<Facts, "types">, value: Value | null | undefined): Shape =>
  (value && types.get(value)?.shape?.map((dim) => (typeof dim === "number" ? dim : null))) ?? null;

/** A node as a scale rule sees it. */
export function nodeAt(facts: Facts, node: Node): At {
  const { graph, constants } = facts;
  const input = (k: number) => node.inputs[k] ?? null;
  const named = (name: string) => attribute(node, name);
  return {
    op: node.op,
    opset: graph.file.opsets.get("") ?? 7,
    inputs: node.inputs.length,
    outputs: node.outputs.length,
    has: (k) => input(k) !== null,
    isConstant: (k) => {
      const value = input(k);
      return value !== null && constants.has(value);
    },
    shape: (k) => shapeOf(facts, input(k)),
    outShape: (k) => shapeOf(facts, node.outputs[k]),
    numbers: (k) => numbersOf(graph, input(k)),
    int: (name, otherwise) => named(name)?.i ?? otherwise,
    ints: (name) => named(name)?.ints ?? null,
    float: (name, otherwise) => named(name)?.f ?? otherwise,
    text: (name) => textAttribute(graph, node, name),
  };
}
