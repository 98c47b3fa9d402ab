import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { type Graph, type Node, titleOf } from "../../src/graph/graph.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { showShape, type Type } from "../../src/onnx/dtypes.ts";
import { shown } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { Cotangent } from "./rule.ts";

/** A cotangent that a user's rule returned, and the value that it belongs to. */
export interface CustomCotangent {
  readonly title: string;
  readonly input: string;
  readonly cotangent: string;
  /** The type that it must have. */
  readonly type: Type;
}

/** Throws an InputError if a user's rule does not return names of values, at most one per input. */
export function checkReturned(
  { main }: Graph,
  { nodes, tensors }: Builder,
  node: Node,
  returned: readonly Cotangent[],
): void {
  const refuse = (why: string) => new InputError(`the rule for ${titleOf(node)} ${why}.`);
  if (!Array.isArray(returned))
    throw refuse(
      `must return a list with a cotangent or null for each input; it returned ${shown(returned)}`,
    );
  if (returned.length > node.inputs.length)
    throw refuse(`returned ${returned.length} cotangents for ${node.inputs.length} inputs`);
  for (const g of returned) {
    if (g === null || g === undefined) continue;
    if (typeof g !== "string")
      throw refuse(`must return names of values or null; it returned ${shown(g)}`);
    const isKnown =
      main.values.has(g) ||
      tensors.some(({ name }) => name === g) ||
      nodes.some(({ node: { outputs } }) => outputs.includes(g));
    if (!isKnown) throw refuse(`returned ${g}, which it did not write`);
  }
}

/** Throws an InputError if a user's rule gave a cotangent of another type or shape than its input. */
export async function checkCustomTypes(
  ort: Ort,
  model: Model,
  custom: readonly CustomCotangent[],
): Promise<void> {
  if (custom.length === 0) return;
  const { types } = await typesOf(model, ort);
  const { values } = model.graph.main;
  for (const { title, input, cotangent, type } of custom) {
    const value = values.get(cotangent);
    const own = value && types.get(value);
    if (!own?.shape) continue;
    if (own.dtype === type.dtype && `${own.shape}` === `${type.shape}`) continue;
    throw new InputError(
      `the rule for ${title} gives ${own.dtype}${showShape(own.shape)} for input ${input}, which is ${type.dtype}${showShape(type.shape)}.`,
    );
  }
}
