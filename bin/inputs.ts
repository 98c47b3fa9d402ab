import fs from "node:fs";
import path from "node:path";
import {
  InputError,
  inputsFromNpz,
  inputsFromTestData,
  type Model,
  type Ort,
  type Tensors,
} from "../src/index.ts";

/** Reads the user's inputs: an .npz, or a folder of ONNX test data. */
export async function readInputs(ort: Ort, model: Model, place: string): Promise<Tensors> {
  if (!fs.existsSync(place)) throw new InputError(`${place} does not exist; check --inputs.`);
  if (!fs.statSync(place).isDirectory())
    return inputsFromNpz(model, fs.readFileSync(place), { ort });
  const files = fs
    .readdirSync(place)
    .filter((name) => name.endsWith(".pb") && fs.statSync(path.join(place, name)).isFile());
  const contents = files.map((name) => [name, fs.readFileSync(path.join(place, name))] as const);
  return inputsFromTestData(model, new Map(contents), { ort });
}

/** Sizes of free dimensions as `--dim name=4` gives them. */
export function parseDims(given: readonly string[] | undefined): Record<string, number> {
  const dims: Record<string, number> = Object.create(null);
  for (const text of given ?? []) {
    const [, name, size] = /^(.+)=(\d+)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--dim ${text} must have the form name=4.`);
    dims[name] = Number(size);
  }
  return dims;
}
