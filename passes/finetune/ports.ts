import { InputError } from "../../src/errors.ts";
import { freeName } from "../../src/graph/bound.ts";
import type { Graph, Types } from "../../src/graph/graph.ts";
import type { Patch, Port } from "../../src/graph/patch-contents.ts";
import { showShape, type Type } from "../../src/onnx/dtypes.ts";
import type { Weight } from "./gradient-row.ts";

/** Returns the sizes of free dimensions in a batch, by name or as "input.axis". */
export function sizesOf(
  { file, main }: Graph,
  types: Types,
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, number> {
  const sizes: Record<string, number> = Object.create(null);
  for (const input of main.inputs) {
    const shape = types.get(input)?.shape;
    const dims = shapes[input.name];
    if (!shape || !dims)
      throw new InputError(`the batch has no input ${input.name} of ${file.source.name}; add it.`);
    const fits =
      dims.length === shape.length &&
      shape.every((dim, axis) => {
        if (typeof dim === "number") return dim === dims[axis];
        const name = freeName(input.name, axis, dim);
        sizes[name] ??= dims[axis];
        return sizes[name] === dims[axis];
      });
    if (!fits)
      throw new InputError(
        `input ${input.name} of ${file.source.name} is ${showShape(shape)}, and the batch has ${showShape(dims)}.`,
      );
  }
  return sizes;
}

/** Patches of one graph as one. */
export const joined = (...patches: readonly Patch[]): Patch =>
  Object.fromEntries(
    JOINED.map((key) => [key, patches.flatMap((patch): readonly unknown[] => patch[key] ?? [])]),
  );

const JOINED = [
  ...(["nodes", "tensors", "redirects", "removed", "inputs", "outputs", "retyped"] as const),
  ...(["stated", "untold", "nodeInputs", "nodeOutputs", "renamed"] as const),
];

/** Returns a port of a type. */
export const port = (name: string, type: Type | null = null): Port => ({ name, type });

/** Returns the outputs of a graph that gives the weights' gradients. */
export const gradientPorts = (weights: readonly Weight[]): Port[] =>
  weights.map(({ of, gradient }) => port(gradient, { dtype: of.dtype, shape: of.dims }));
