import fs from "node:fs";
import path from "node:path";
import type { Types } from "../src/graph/types.ts";
import {
  feedsOfNpz,
  feedsOfTestData,
  InputError,
  type Model,
  type Ort,
  type Tensors,
} from "../src/index.ts";

/** Reads the user's inputs: an .npz, or a folder of ONNX test data. */
export function readInputs(ort: Ort, graph: Model["graph"], types: Types, place: string): Tensors {
  if (!fs.existsSync(place)) throw new InputError(`${place} does not exist; check --inputs.`);
  if (!fs.statSync(place).isDirectory())
    return feedsOfNpz(ort, graph, types, fs.readFileSync(place));
  const files = fs.readdirSync(place).filter((name) => name.endsWith(".pb"));
  return feedsOfTestData(
    ort,
    graph,
    types,
    new Map(files.map((name) => [name, fs.readFileSync(path.join(place, name))])),
  );
}
