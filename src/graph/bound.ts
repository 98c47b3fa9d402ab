import { InputError } from "../errors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { type Graph, typeOfInfo } from "./graph.ts";
import { own } from "./own.ts";
import type { Patch } from "./patch-contents.ts";

/** Sizes by the names of free dimensions. */
export type Sizes = Readonly<Record<string, number>>;

/** Returns the name of a free dimension of an input; an unnamed one is "input.axis". */
export const freeName = (input: string, axis: number, dim: string): string =>
  dim || `${input}.${axis}`;

/** Throws an InputError if a name is not one of a free dimension, or a size is less than `least`. */
export function checkSizesOf(
  { source }: ModelFile,
  names: ReadonlySet<string>,
  sizes: Sizes,
  least: number,
): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!names.has(name))
      throw new InputError(
        `${source.name} has no free dimension ${name}; it has ${[...names].join(", ") || "none"}.`,
      );
    if (!Number.isSafeInteger(size) || size < least)
      throw new InputError(
        `the size of ${name} must be an integer of at least ${least} (got ${size}).`,
      );
  }
}

/**
 * Fixes free dimensions of a model's inputs; those not named stay free. Throws an InputError if a
 * name does not belong to a free dimension, or if a size is less than `least`: 0 for what may be
 * empty, such as a cache.
 */
export function bound({ file, main }: Graph, sizes: Sizes, least = 1): Patch {
  const free = new Set<string>();
  const inputs = new Set(main.inputs.map(({ name }) => name));
  const retyped = file.graph.inputs.flatMap((info) => {
    const type = typeOfInfo(info);
    if (!type?.shape || !inputs.has(info.name)) return [];
    const shape = type.shape.map((dim, axis) => {
      if (typeof dim === "number") return dim;
      const name = freeName(info.name, axis, dim);
      free.add(name);
      return own(sizes, name) ?? dim;
    });
    if (shape.every((dim, axis) => dim === type.shape![axis])) return [];
    return [{ name: info.name, type: { ...type, shape } }];
  });
  checkSizesOf(file, free, sizes, least);
  return { retyped };
}
