import { freeMemory, sha256 } from "#node";
import { filesIn, pooledSource, scratch } from "#node-data";
import { checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { typeOfInfo } from "../../src/graph/types.ts";
import { type Model, sourceOf } from "../../src/model.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";
import { type Dataset, readDataset } from "./data-set.ts";
import type { Expected } from "./data-set-sizes.ts";

/** An array that outputs are compared with, and what type and shape it must have, if that matters. */
export type Target = Pick<Expected, "name"> &
  Partial<Pick<Expected, "dtype" | "shape" | "missing">>;

/** A file of examples: the path of an .npz or of a folder of them (Node), bytes or a Blob. */
export type DataFrom = string | Uint8Array | Blob;

/** Lists files by their paths; a folder is replaced by the .npz files in it, in the order of their names. */
export const dataFiles = (places: readonly string[]): string[] =>
  places.flatMap((place) => filesIn(place, ".npz"));

/**
 * Reads the examples that a model is trained or evaluated on from one or more .npz files, which
 * are read as one; a folder stands for the .npz files in it, in the order of their names. Each has
 * one array for each input of the model, by its name, and one for each target. Rows that do not fit
 * into half of the free memory are read from their files as batches need them: `close` the dataset
 * when it is no longer needed. The first dimension of all counts the examples. Throws an
 * InputError, one sentence, if an array is missing or has another type or shape than the model
 * takes (before any value is read), or if a float array holds a NaN. Integers are taken as wider
 * integers, floats as wider floats, and `notes` says so; nothing else is converted.
 */
export async function openDataset(
  from: DataFrom | readonly DataFrom[],
  model: Model,
  options: { readonly targets?: readonly (string | Target)[] | undefined } = {},
): Promise<Dataset> {
  checkModel("openDataset", model);
  checkGiven("openDataset", options, { targets: {} });
  const { targets = [] } = options;
  const infos = new Map(model.file.graph.inputs.map((info) => [info.name, typeOfInfo(info)]));
  const inputs = model.graph.main.inputs.map(({ name }): Expected => {
    const type = infos.get(name);
    return { name, role: "input", dtype: type?.dtype ?? null, shape: type?.shape ?? null };
  });
  const wanted = targets.map((target): Expected => {
    const { name, dtype, shape, missing } =
      typeof target === "string" ? ({ name: target } as Target) : target;
    return { name, role: "target", dtype: dtype ?? null, shape: shape ?? null, missing };
  });
  const given = ([] as readonly DataFrom[]).concat(from);
  const all = given.flatMap((one): DataFrom[] =>
    typeof one === "string" ? dataFiles([one]) : [one],
  );
  const sources: Source[] = [];
  try {
    for (const one of all)
      sources.push(
        typeof one === "string"
          ? pooledSource(one, ".npz")
          : await sourceOf(one, "the data", ".npz"),
      );
    if (sources.length === 0) throw new InputError("no data is given; name an .npz, or a folder.");
    const dataset = readDataset(sources, [...inputs, ...wanted], { free: freeMemory(), scratch });
    return { ...dataset, digest: () => digestOf(all) };
  } catch (error) {
    for (const source of sources) source.close?.();
    throw error;
  }
}

/** SHA-256 of a file; of several, that of their digests in order, joined by commas. */
async function digestOf(files: readonly DataFrom[]): Promise<string> {
  const digests: string[] = [];
  for (const file of files) {
    const source = await sourceOf(file, "the data", ".npz");
    digests.push(await sha256(source));
    source.close?.();
  }
  const [only] = digests;
  return digests.length === 1 ? only : sha256(bytesSource(utf8.encode(digests.join()), "digests"));
}

const utf8 = new TextEncoder();
