import fs from "node:fs";
import path from "node:path";
import { closing, contentOf, fileSource } from "../passes/internal.ts";
import { InputError, inputsFromNpz, inputsFromTestData, type Model } from "../src/index.ts";
import { ort } from "./runtime.ts";

/** Reads inputs for a run, if the user gives them: an .npz, or a folder of ONNX test data. */
export async function readInputs(model: Model, place?: string) {
  if (place === undefined || place === "") return undefined;
  if (!fs.existsSync(place)) throw new InputError(`${place} does not exist; check --inputs.`);
  const isFile = (file: string) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  if (!fs.statSync(place).isDirectory())
    return [await inputsFromNpz(model, bytesOf(place, ".npz"), { ort })];
  const files = fs
    .readdirSync(place)
    .filter((name) => name.endsWith(".pb") && isFile(path.join(place, name)));
  const contents = files.map((name) => [name, bytesOf(path.join(place, name), ".pb")] as const);
  return [await inputsFromTestData(model, new Map(contents), { ort })];
}

/** Returns the bytes of a file. Throws an InputError if it is not a file, or does not fit into memory. */
const bytesOf = (file: string, kind: string): Uint8Array =>
  closing(fileSource(file, kind), contentOf);
