import { InputError } from "../errors.ts";
import { type Graph, typeOfInfo } from "./graph.ts";
import type { Patch } from "./patch-contents.ts";

/** Sizes by the name of a free dimension; an unnamed one is "input.axis". */
export type Sizes = Readonly<Record<string, number>>;

/**
 * Fixes free dimensions of a model's inputs; those not named stay free. Throws an InputError if a
 * name does not belong to a free dimension, or if a size is less than `least`: 0 for what may be
 * empty, such as a cache.
 */
export function bound({ file, main }: Graph, sizes: Sizes, least = 1): Patch {
  const unknown = new Set(Object.keys(sizes));
  const free = new Set<string>();
  const inputs = new Set(main.inputs.map(({ name }) => name));
  const retyped = file.graph.inputs.flatMap((info) => {
    const type = typeOfInfo(info);
    if (!type?.shape || !inputs.has(info.name)) return [];
    const shape = type.shape.map((dim, axis) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${info.name}.${axis}`;
      free.add(name);
      unknown.delete(name);
      return Object.hasOwn(sizes, name) ? sizes[name] : dim;
    });
    if (shape.every((dim, axis) => dim === type.shape![axis])) return [];
    return [{ name: info.name, type: { ...type, shape } }];
  });
  for (const name of unknown)
    throw new InputError(
      `${file.source.name} has no free dimension ${name}; it has ${[...free].join(", ") || "none"}.`,
    );
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isSafeInteger(size) || size < least)
      throw new InputError(
        `the size of ${name} must be an integer of at least ${least} (got ${size}).`,
      );
  return { retyped };
}
