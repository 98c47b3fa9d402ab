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
import { fileSource } from "../src/internal.ts";

/** Reads the user's inputs: an .npz, or a folder of ONNX test data. */
export async function readInputs(ort: Ort, model: Model, place: string): Promise<Tensors> {
  if (!fs.existsSync(place)) throw new InputError(`${place} does not exist; check --inputs.`);
  const isFile = (file: string) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  if (!fs.statSync(place).isDirectory())
    return inputsFromNpz(model, contentOf(place, ".npz"), { ort });
  const files = fs
    .readdirSync(place)
    .filter((name) => name.endsWith(".pb") && isFile(path.join(place, name)));
  const contents = files.map((name) => [name, contentOf(path.join(place, name), ".pb")] as const);
  return inputsFromTestData(model, new Map(contents), { ort });
}

/** Returns the bytes of a file. Throws an InputError if it is not a file, or does not fit into memory. */
function contentOf(file: string, kind: string): Uint8Array {
  const source = fileSource(file, kind);
  try {
    return source.read(0, source.size);
  } finally {
    source.close?.();
  }
}

/** Returns sizes of free dimensions as `--dim name=4` gives them. */
export function parseDims(given: readonly string[] | undefined): Record<string, number> {
  const dims: Record<string, number> = Object.create(null);
  for (const text of given ?? []) {
    const [, name, size] = /^(.+)=(\d+)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--dim ${text} must have the form name=4.`);
    dims[name] = Number(size);
  }
  return dims;
}

/** Reads `--batch-axis h0=1` and `timestep=none`: axes by name, null for none. */
export function parseBatchAxes(given: readonly string[] = []): Record<string, number | null> {
  const axes: Record<string, number | null> = Object.create(null);
  for (const text of given.flatMap((each) => each.split(","))) {
    const [, name, axis] = /^(.+)=(\d+|none)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--batch-axis ${text} must have the form name=1 or name=none.`);
    axes[name] = axis === "none" ? null : Number(axis);
  }
  return axes;
}

/** A name in quotes, which may hold commas, or one without. */
const NAME = /"(?:[^"]|"")*"|[^,]+/g;

/** Reads `--columns x=age,"height, cm"`: columns of a table by the input that takes them. */
export function parseColumns(given: readonly string[] = []): Record<string, string[]> {
  const columns: Record<string, string[]> = Object.create(null);
  for (const text of given) {
    const [, name, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--columns ${text} must have the form input=first,second.`);
    columns[name] = [...list.matchAll(NAME)].flatMap(([part]) => {
      const column = part.trim();
      const isQuoted = column.length > 1 && column.startsWith('"') && column.endsWith('"');
      return column === "" ? [] : [isQuoted ? column.slice(1, -1).replaceAll('""', '"') : column];
    });
  }
  return columns;
}
