import { checkGiven, checkModel } from "../arguments.ts";
import { typeOfInfo } from "../graph/types.ts";
import { freeMemory, type Model, sourceOf } from "../model.ts";
import { type Dataset, type Expected, readDataset } from "../runtime/dataset.ts";

/** An array that outputs are held against, and what it must be; anything where nothing is said. */
export type Target = Pick<Expected, "name"> & Partial<Pick<Expected, "dtype" | "shape">>;

/**
 * Reads the examples that a model is trained or evaluated on from an .npz (a path in Node, bytes
 * or a Blob): one array for each input of the model, by its name, and one for each target. The
 * first dimension of all counts the examples. Throws an InputError, one sentence, before any
 * value is read where an array is missing or of another type or shape than the model takes, and
 * where a float array holds a NaN. Integers are taken as wider integers, floats as wider floats,
 * which `notes` tells; nothing else is converted.
 */
export async function openDataset(
  from: string | Uint8Array | Blob,
  model: Model,
  options: { readonly targets?: readonly (string | Target)[] | undefined } = {},
): Promise<Dataset> {
  checkModel("openDataset", model);
  checkGiven("openDataset", options);
  const { targets = [] } = options;
  const infos = new Map(model.file.graph.inputs.map((info) => [info.name, typeOfInfo(info)]));
  const inputs = model.graph.main.inputs.map(({ name }): Expected => {
    const type = infos.get(name);
    return { name, role: "input", dtype: type?.dtype ?? null, shape: type?.shape ?? null };
  });
  const held = targets.map((target): Expected => {
    const { name, dtype, shape } = typeof target === "string" ? { name: target } : target;
    return { name, role: "target", dtype: dtype ?? null, shape: shape ?? null };
  });
  const source = await sourceOf(from, "the data", ".npz");
  try {
    return readDataset(source, [...inputs, ...held], freeMemory());
  } finally {
    source.close?.();
  }
}
