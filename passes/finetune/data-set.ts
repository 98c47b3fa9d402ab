import { InputError } from "../../src/errors.ts";
import { type Npz, openNpz, type StoredArray } from "../../src/formats/npz.ts";
import { dataTypeNamed } from "../../src/onnx/data-types.ts";
import type { Source } from "../../src/onnx/source.ts";
import type { Column, Part } from "./data-set-rows.ts";
import { checkedBlocks, partOf, RowsInFile, RowsInMemory } from "./data-set-rows.ts";
import type { Expected } from "./data-set-sizes.ts";
import { Sizes } from "./data-set-sizes.ts";
import { isWidening } from "./widening.ts";

/** Examples, held against what a model takes: in memory, or read from their files as they are needed. */
export interface Dataset {
  /** What errors call it: a file name. */
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** The batch size, where the model leaves no other. */
  readonly batchSize: number | null;
  /** Sizes of all free dimensions for a batch size, by name; an unnamed one is "input.axis". */
  sizes(batchSize: number): Record<string, number>;
  /** What was taken otherwise than it stands, and what was left alone: a sentence each. */
  readonly notes: readonly string[];
  /** Lets go of the files that it reads from. */
  close(): void;
}

/** Where a dataset's values may be kept. */
export interface Keeping {
  /** Bytes of memory that may be taken; null where nothing limits them. */
  readonly free: number | null;
  /** Writes blocks into a file that goes away by itself; null where there are no files. */
  readonly scratch: ((blocks: Iterable<Uint8Array>) => Source) | null;
}

/**
 * Reads the .npz files of a dataset as one, once the headers of their arrays are held against what
 * is expected: names, types, shapes, one number of rows in each file. Values are read into memory
 * if all of them take at most half of what is free. If not, rows are read from the files as batches
 * need them, compressed arrays from a scratch file. Throws an InputError, one sentence, for the
 * first thing that is wrong.
 */
export function readDataset(
  sources: readonly Source[],
  expected: readonly Expected[],
  { free, scratch }: Keeping,
): Dataset {
  const sizes = new Sizes();
  const notes = new Map<string, string>();
  const files = sources.map((source) => {
    const npz = openNpz(source, free);
    sizes.begin(source.name);
    const arrays = expected.map((each) => {
      const array = asked(source.name, npz, each);
      const note = checkType(source.name, each, array);
      const key = `${each.name} ${array.dtype}`;
      if (note && !notes.has(key)) notes.set(key, note);
      sizes.note(each, array);
      return array;
    });
    const used = new Set(expected.map((each) => each.name));
    for (const other of npz.names)
      if (!used.has(other) && !notes.has(other))
        notes.set(other, `array ${other} of ${source.name} is neither input nor target.`);
    return { source, arrays };
  });
  const needed = files.flatMap(({ arrays }) => arrays).reduce((sum, { size }) => sum + size, 0);
  const inMemory = free === null || needed <= free / 2;
  const opened: Source[] = [];
  const columns = expected.map(({ name, role, dtype }, k): Column => {
    const parts = files.map(({ source, arrays }): Part => {
      const array = arrays[k];
      const title = { file: source.name, name };
      if (inMemory) return partOf(title, array, new RowsInMemory(array.load()));
      const stored = array.at === null ? null : { source, at: array.at };
      if (stored && source.path) {
        for (const _ of checkedBlocks(title, array));
        return partOf(title, array, new RowsInFile(stored.source, stored.at), true);
      }
      if (!scratch && needed <= free!) return partOf(title, array, new RowsInMemory(array.load()));
      if (!scratch)
        throw new InputError(
          `${source.name} takes ${gigabytes(needed)} of memory, and ${gigabytes(free!)} are free; give its path, so that it is read as it is needed.`,
        );
      const file = scratch(checkedBlocks(title, array));
      opened.push(file);
      return partOf(title, array, new RowsInFile(file, 0), true);
    });
    const [, ...dims] = files[0].arrays[k].dims;
    return { name, role, dtype: dtype ?? files[0].arrays[k].dtype, dims, parts };
  });
  const name = `${sources[0].name}${sources.length > 1 ? ` and ${sources.length - 1} more` : ""}`;
  const { rows, batchSize } = sizes;
  const close = () => {
    for (const source of [...opened, ...sources]) source.close?.();
  };
  if (inMemory) close();
  const told = [...notes.values()];
  return { name, rows, columns, batchSize, sizes: (size) => sizes.of(size), notes: told, close };
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;

function asked(file: string, npz: Npz, { name, role }: Expected): StoredArray {
  if (npz.names.includes(name)) return npz.array(name);
  const use = role === "input" ? "an input of the model" : "a target";
  throw new InputError(
    `${file} holds no array ${name}, which is ${use}; it holds ${npz.names.join(", ") || "none"}.`,
  );
}

/** Throws where the array's type is not what is expected; tells what is taken as a wider one. */
function checkType(file: string, { name, dtype }: Expected, array: StoredArray): string | null {
  if (dtype === null || array.dtype === dtype) return null;
  if (isWidening(array.dtype, dtype))
    return `array ${name} of ${file} is ${array.dtype} and is taken as ${dtype}.`;
  const numpy = dataTypeNamed(dtype)?.ort ?? dtype;
  throw new InputError(
    `array ${name} of ${file} is ${array.dtype}, and ${dtype} is expected; convert it with .astype("${numpy}"), as the model was trained.`,
  );
}
