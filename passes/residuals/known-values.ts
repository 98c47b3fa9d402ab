import { constants, numbersOf } from "../../src/graph/constants.ts";
import {
  type Graph,
  type Node,
  outputsOf,
  readsOf,
  type Scope,
  type Types,
  type Value,
} from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import { behind } from "../../src/graph/walk.ts";
import { bodyInputs } from "../../src/infer/loops.ts";
import { type Dimension, range, type Type } from "../../src/onnx/dtypes.ts";
import type { KnownValues } from "./residual.ts";

/** Returns what a search knows of a graph's values: more than inference, and than a graph alone. */
export function knownValues(graph: Graph, inferred: Types): KnownValues {
  const types = refinedTypes(graph, inferred);
  return { types, constants: withLoopWeights(graph, constants(graph)) };
}

/**
 * Returns types with sizes that inference left open. They are those of what is added or multiplied,
 * and constants at the ends of a computed reshape target, as Keras writes a dense layer.
 */
function refinedTypes(graph: Graph, types: Types): Types {
  const refined = new Map<Value, Type>();
  const shapeOf = (value: Value | null | undefined) =>
    value ? (refined.get(value) ?? types.get(value))?.shape : null;
  for (const node of graphNodes(graph)) {
    const [output] = node.outputs;
    const type = output && types.get(output);
    // Inference may lose the rank of a quantized value.
    if (type?.shape?.length === 0 && hasFact(node.op, "quantizer")) {
      const from = shapeOf(node.inputs[0]);
      if (from && from.length > 0) refined.set(output!, { ...type, shape: from });
    }
    if (!type?.shape?.includes("")) continue;
    const told = toldBy(node, type.shape.length, shapeOf);
    if (told?.some((size, axis) => size !== null && type.shape![axis] === ""))
      refined.set(output!, {
        ...type,
        shape: type.shape.map((dim, k) => (dim === "" ? (told[k] ?? "") : dim)),
      });
  }
  return refined.size > 0 ? new Map([...types, ...refined]) : types;
}

type Sizes = readonly (Dimension | null)[];

/** Returns the sizes of a node's result that follow from its operands; null if there are none. */
function toldBy(
  { op, inputs }: Node,
  rank: number,
  shapeOf: (value: Value | null | undefined) => readonly Dimension[] | null | undefined,
): Sizes | null {
  if (op === "Reshape") return ofTarget(inputs[1], rank);
  if (op === "Expand") {
    const own = shapeOf(inputs[0]) ?? [];
    return ofTarget(inputs[1], rank).map((size, axis) =>
      size === 1 ? (own[axis - rank + own.length] ?? 1) : size,
    );
  }
  if ((hasFact(op, "keeps", "norm") && !hasFact(op, "broadcasts")) || hasFact(op, "quantizer")) {
    const shape = shapeOf(inputs[0]);
    return shape?.length === rank ? shape : null;
  }
  if (!hasFact(op, "broadcasts")) return null;
  const shapes = inputs.map(shapeOf);
  return range(rank).map((axis) => {
    const sizes = shapes.map((shape) => shape?.[axis - rank + shape.length]);
    return sizes.find((size) => typeof size === "number" && size > 1) ?? null;
  });
}

/** Returns the constant sizes at the ends of a reshape target that a Concat assembles. */
function ofTarget(target: Value | null | undefined, rank: number): Sizes {
  const pieces = target?.producer?.op === "Concat" ? target.producer.inputs.map(numbersOf) : [];
  const open = pieces.indexOf(null);
  const first = pieces.slice(0, open < 0 ? pieces.length : open).flat();
  const last = pieces.slice(pieces.lastIndexOf(null) + 1).flat();
  const sizesAt = (axis: number) => [last[axis - rank + last.length], first[axis]];
  return range(rank).map((axis) => sizesAt(axis).find((size) => size! > 0) ?? null);
}

/**
 * Returns constants together with those inside loops: what a loop passes on unchanged, as some
 * exporters write weights, slices of a constant, and what is computed from these alone.
 */
function withLoopWeights(
  { main }: Pick<Graph, "main">,
  fixed: ReadonlySet<Value>,
): ReadonlySet<Value> {
  if (main.bodies.length === 0) return fixed;
  const known = new Set(fixed);
  const isKnown = (value: Value | null) => value === null || known.has(value);
  const enter = (body: Scope) => {
    const { carried, counted } = bodyInputs(body, () => null);
    const kept = carried.filter(
      ({ input, output }) => behind(output, ({ op }) => op === "Identity") === input,
    );
    for (const { input, operand } of [...kept, ...counted]) if (isKnown(operand)) known.add(input);
  };
  const visit = ({ nodes }: Scope, inLoop: boolean) => {
    for (const node of nodes) {
      const isLoop = hasFact(node.op, "loop");
      for (const body of node.bodies) {
        if (isLoop) enter(body);
        visit(body, inLoop || isLoop);
      }
      const isFixed = node.bodies.length === 0 && !hasFact(node.op, "random");
      if (inLoop && isFixed && readsOf(node).every(isKnown))
        for (const output of outputsOf(node)) known.add(output);
    }
  };
  visit(main, false);
  return known;
}
