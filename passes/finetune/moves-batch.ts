import { bound } from "../../src/graph/bound.ts";
import { typeOfInfo } from "../../src/graph/types.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";

/** The two sizes of a dimension whose inferences are compared. */
const [ONE, OTHER] = [2, 3];

/**
 * Whether the first dimension of an input is that of the batch: whether another size of it alone
 * changes the first dimension of an output, or fits no more. Two inferences tell; true if it is
 * fixed, or if the model cannot be inferred in the first size.
 */
export async function movesBatch(model: Model, input: string, ort: Ort): Promise<boolean> {
  const free = new Set<string>();
  let own: string | null = null;
  for (const info of model.file.graph.inputs)
    for (const [axis, dim] of (typeOfInfo(info)?.shape ?? []).entries()) {
      if (typeof dim === "number") continue;
      const name = dim || `${info.name}.${axis}`;
      free.add(name);
      if (info.name === input && axis === 0) own = name;
    }
  if (own === null) return true;
  const sizes = Object.fromEntries([...free].map((name) => [name, ONE]));
  const before = await firstDimensions(model, sizes, ort);
  const after = await firstDimensions(model, { ...sizes, [own]: OTHER }, ort);
  return before === null || after === null || `${before}` !== `${after}`;
}

/** The first dimension of each output for some sizes; null if these do not fit the model. */
async function firstDimensions(
  model: Model,
  sizes: Readonly<Record<string, number>>,
  ort: Ort,
): Promise<unknown[] | null> {
  try {
    const fixed = await patched(model.graph, bound(model.graph, sizes));
    const { types, warnings } = await typesOf(fixed, ort);
    if (warnings.length > 0) return null;
    return fixed.graph.main.outputs.map((output) => types.get(output)?.shape?.[0]);
  } catch {
    return null;
  }
}
