import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { dataOf, numbersOf, numbersOfData } from "../../src/graph/constants.ts";
import {
  attribute,
  knownSizes,
  type Node,
  type Types,
  titleOf,
  type Value,
} from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { placeOfAxis, showShape } from "../../src/onnx/dtypes.ts";
import { RuleRefusal } from "./no-gradient-error.ts";
import type { Cotangent, GradientNode } from "./rule.ts";

/** What is known of the values during differentiation. */
export interface Known {
  readonly types: Types;
  /** Values on a path from a weight to an end. */
  readonly active: ReadonlySet<Value>;
  /** Returns the type of a value's cotangents: its own, or that of the floats it represents. */
  readonly dtypeOf: (value: Value) => string;
}

interface Asked {
  readonly cotangents: readonly Cotangent[];
  /** The inputs whose cotangents are wanted; all by default. */
  readonly inputs?: readonly number[] | undefined;
  /** Where values of a stated shape are noted. */
  readonly stated: Port[];
}

/** Returns a node as its rule sees it. */
export function gradientNode(
  known: Known,
  node: Node,
  { op, to: write, constant, custom }: Builder,
  { cotangents, inputs, stated }: Asked,
): GradientNode {
  const { types, active } = known;
  const first = node.outputs[0]!;
  const dtype = known.dtypeOf(node.outputs.find((output) => output && active.has(output)) ?? first);
  const reading = readingOf(types, node);
  const isActive = (k: number) => node.inputs[k] != null && active.has(node.inputs[k]);
  const isRepeated = (k: number, number: number) =>
    !isActive(k) && repeats(types, node.inputs[k], number);
  return {
    ...reading,
    ...{ op, write, constant, dtype, cotangents, node: custom },
    scalar: (value) => constant(dtype, [], [value]),
    get g() {
      return cotangents[0] ?? write.zeros(reading.outShape(0), dtype);
    },
    needs: node.inputs.map((_, k) => isActive(k) && (inputs?.includes(k) ?? true)),
    isZero: (k) => isRepeated(k, 0),
    isOne: (k) => isRepeated(k, 1),
    like: (k) => {
      const value = node.inputs[k]!;
      return write.cast(value.name, dtype, types.get(value)?.dtype);
    },
    sized: (name) => {
      stated.push({ name, type: { dtype, shape: reading.outShape(0) } });
      return name;
    },
    summed: new Set(),
    refuse: (why) => {
      throw new RuleRefusal(node, why);
    },
  };
}

/** Returns what a rule reads of a node itself: its attributes, and the names, types and sizes of its values. */
function readingOf(types: Types, node: Node) {
  const attributes = attributesOf(node);
  const shape = (k: number) => sizesOf(types, node, "input", k);
  const names = (values: readonly (Value | null)[]) => values.map((value) => value?.name ?? null);
  return {
    ...attributes,
    shape,
    outShape: (k: number) => sizesOf(types, node, "output", k),
    opset: node.scope.file.opset,
    y: node.outputs[0]?.name ?? "",
    outputs: names(node.outputs),
    inputs: names(node.inputs),
    axis: (fallback: number) => placeOfAxis(attributes.int("axis", fallback), shape(0).length),
    numbers: (k: number) => numbersOf(node.inputs[k]),
    isTransposed: (k: number) => isTransposed(node.inputs[k]),
    inputType: (k: number) => types.get(node.inputs[k]!)?.dtype ?? "float",
    outputType: (k: number) => types.get(node.outputs[k]!)?.dtype ?? "float",
  };
}

function sizesOf(types: Types, node: Node, what: "input" | "output", k: number) {
  const value = node[`${what}s`][k];
  const sizes = knownSizes(types, value);
  if (sizes) return sizes;
  const shape = showShape(value ? types.get(value)?.shape : null);
  const open = (of: Value) => sourcesOf(of).filter((source) => !knownSizes(types, source));
  const maker = [...walk(value ? [value] : [], open)].find((of) => open(of).length === 0)?.producer;
  const then = maker
    ? `onnxruntime does not infer the sizes of what ${titleOf(maker)} writes; state them as numbers in the model's value_info`
    : "give sizes for the free dimensions";
  throw new InputError(
    `${titleOf(node)}: ${what} ${value?.name ?? ""} has the shape ${shape}, but its gradient needs all sizes; ${then}.`,
  );
}

/** Whether a value is made by a Transpose of matrices, and only read once. */
function isTransposed(value: Value | null | undefined): boolean {
  if (value?.producer?.op !== "Transpose" || value.uses.length > 1 || value.isOutput) return false;
  const perm = attribute(value.producer, "perm")?.ints?.map(Number);
  const rank = perm?.length ?? 0;
  return perm?.every((axis, k) => axis === (k < rank - 2 ? k : 2 * rank - 3 - k)) ?? false;
}

/** Whether a value is a constant that repeats a number. */
export function repeats(types: Types, value: Value | null | undefined, number: number): boolean {
  const data = dataOf(value);
  const values = data && numbersOfData(types.get(value!)?.dtype ?? "", data);
  return values?.every((value) => value === number) ?? false;
}
