import { entry } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { bytes } from "../../src/figures.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { dataTypeNamed, isFloat, isWhole } from "../../src/onnx/dtypes.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";
import { filled } from "../../src/options.ts";
import type { ArrayFile } from "./array-file.ts";
import { arrayFor } from "./array-for.ts";
import { conversionOf } from "./conversion.ts";
import {
  type Column,
  checkedBlocks,
  checkNumbers,
  type RowPart,
  rowPart,
  type Title,
} from "./data-set-rows.ts";
import { SampleSizes } from "./data-set-sizes.ts";
import { type Expected, unreadNote } from "./expected.ts";
import { idlePixels, type PixelOptions, picturesOf, pixelsNote } from "./pixels.ts";
import type { BatchAxes } from "./placement.ts";
import { type Note, sharedOrAlone } from "./shared-values.ts";

/** Examples that fit a model: in memory, or read from their files as they are needed. */
export interface Dataset {
  /** The name that errors use: a file name. */
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** The batch size that the model fixes; null if it takes any. */
  readonly batchSize: number | null;
  /** Sizes of all free dimensions for a batch size, by name; an unnamed one is "input.axis". */
  sizes(batchSize: number): Record<string, number>;
  /** Conversions, and arrays that nothing reads: a sentence each. */
  readonly notes: readonly string[];
  /** Names of the classes, in the order of their labels, by the array of labels; none if it has no names. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
  /** SHA-256 of its file, or of the digests of its files, in hexadecimal. */
  digest(): Promise<string>;
  /** Closes the files that it reads from. */
  close(): void;
}

/** Where a dataset's values may be kept. */
interface SampleStorage {
  /** Bytes of memory that may be taken; null for no limit. */
  readonly free: number | null;
  /** Writes blocks into a file that goes away by itself; null without a file system. */
  readonly scratch: ((blocks: Iterable<Uint8Array>) => Source) | null;
}

/** Which axis counts the examples, and how images are read. */
export interface ArrayReading extends PixelOptions {
  /** The batch axis of an array by its name, if sizes do not show it; null if it has none. */
  readonly batchAxis?: BatchAxes | undefined;
}

/** What torchvision's models take: pixels less the mean of ImageNet's, over their deviation. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Whether an array of a folder's images is color, for a model that does not take bytes. */
const isColor = ({ dims }: StoredArray, { dtype }: Expected) =>
  dims.length === 4 && dims[3] === 3 && dtype !== null && isFloat(dtype);

/** A dataset without the digest of its files. */
export type OpenedDataset = Omit<Dataset, "digest">;

/**
 * Reads the files of a dataset as one. The headers of their arrays are checked first: names, types,
 * shapes, one number of rows in each file. Values are read into memory if all of them take at most
 * half of what is free. If not, rows are read from the files as batches need them, compressed
 * arrays from a scratch file. Throws an InputError, one sentence, for the first thing that is
 * wrong.
 */
export function readDataset(
  sources: readonly ArrayFile[],
  expected: readonly Expected[],
  keeping: SampleStorage,
  { batchAxis: stated = {}, ...pixels }: ArrayReading = {},
): OpenedDataset {
  checkStated(stated, expected);
  const sizes = new SampleSizes(stated);
  const notes = new Map<string, string>();
  const note: Note = (about, sentence) => entry(notes, about, () => sentence);
  const files = sources.map((source) => readFile(source, expected, { pixels, sizes, note }));
  if (sizes.rows === 0) throw new InputError(`${sources[0].name} has no rows; add some.`);
  const needed = files
    .flatMap(({ arrays }) => arrays)
    .reduce((sum, { size, range }) => sum + (range ? 0 : size), 0);
  const isSmall = keeping.free === null || needed <= keeping.free / 2;
  const opened: Source[] = [];
  const columns = expected.map(({ name, dtype, missing }, k): Column => {
    const parts = files.map(({ source, arrays, placements }): RowPart => {
      const from = placements[k].from;
      const title = { file: source.name, name, missing: missing === true, dtype, from };
      return partOf(title, arrays[k], source.source, { ...keeping, needed, isSmall, opened });
    });
    const { axis, from, dims } = files[0].placements[k];
    const isShared = from === null;
    const column = {
      ...{ name, dtype: dtype ?? files[0].arrays[k].dtype, dims, axis, isShared },
      pixels: files[0].pictures[k]?.pixels,
    };
    return sharedOrAlone({ ...column, parts }, sizes, note);
  });
  const close = () => {
    for (const source of [...opened, ...sources]) source.close?.();
  };
  if (isSmall && !files.some(({ arrays }) => arrays.some(({ range }) => range))) close();
  const idle = files.some(({ pictures }) => pictures.some(Boolean)) ? [] : idlePixels(pixels);
  const { rows, batchSize } = sizes;
  return {
    ...{ rows, columns, batchSize, close },
    name: `${sources[0].name}${sources.length > 1 ? ` and ${sources.length - 1} more` : ""}`,
    sizes: (size) => sizes.of(size),
    notes: [...sources.flatMap((source) => source.notes ?? []), ...notes.values(), ...idle],
    classes: Object.fromEntries(sources.flatMap(({ classes = {} }) => Object.entries(classes))),
  };
}

interface Reading {
  readonly pixels: PixelOptions;
  readonly sizes: SampleSizes;
  readonly note: Note;
}

/** Checks the headers of a file's arrays. Returns those expected, and how they are read. */
function readFile(source: ArrayFile, expected: readonly Expected[], of: Reading) {
  const { pixels, sizes, note } = of;
  const arrays = expected.map((array) => arrayFor(source, array, expected, note));
  const defaults = expected.some((array, k) => isColor(arrays[k], array)) ? IMAGENET : {};
  const asked: PixelOptions = source.isImages
    ? { ...filled<PixelOptions>(defaults, pixels), layout: "nhwc" }
    : pixels;
  const pictures = expected.map((array, k) => picturesOf(source.name, array, arrays[k], asked));
  for (const [k, array] of expected.entries()) {
    const { dtype } = arrays[k];
    const taken = pictures[k]?.pixels;
    const sentence = taken
      ? pixelsNote(source.name, array.name, [dtype, array.dtype], taken)
      : checkType(source.name, array, arrays[k]);
    if (sentence) note(`${array.name} ${dtype}`, sentence);
  }
  const dimsOf = (k: number) => pictures[k]?.dims ?? arrays[k].dims;
  const present = expected.map((array, k) => ({ expected: array, dims: dimsOf(k) }));
  const placements = sizes.place(source.name, present);
  const used = new Set(expected.map((array) => array.name));
  const others = source.names.filter((name) => !used.has(name));
  if (others.length > 0) note(`${others}`, unreadNote("array", others, source.name));
  return { source, arrays, placements, pictures };
}

interface ArrayStorage extends SampleStorage {
  /** Bytes that all arrays need. */
  readonly needed: number;
  /** Whether all of them go into memory. */
  readonly isSmall: boolean;
  /** Scratch files, to which one may be added. */
  readonly opened: Source[];
}

/** Returns an array's rows from memory, its file or a scratch file. Checks all values. */
function partOf(
  title: Title,
  array: StoredArray,
  source: Source | null,
  { free, scratch, needed, isSmall, opened }: ArrayStorage,
): RowPart {
  const { at } = array;
  const inFile = source?.path && at !== null && !isSmall;
  const read = inFile ? (from: number, to: number) => source.read(at + from, at + to) : array.range;
  if (read) {
    for (const _ of checkedBlocks(title, array));
    return rowPart(title, array, read);
  }
  if (isSmall || (!scratch && needed <= free!)) {
    const data = array.load();
    checkNumbers(title, array, data);
    return rowPart(title, array, bytesSource(data).read);
  }
  if (!scratch)
    throw new InputError(
      `${title.file} takes ${bytes(needed)} of memory, but only ${bytes(free!)} are free; give its path, so that it is read row by row.`,
    );
  const file = scratch(checkedBlocks(title, array));
  opened.push(file);
  return rowPart(title, array, file.read);
}

/** Throws if the array has another type than expected; returns a note if it is converted. */
function checkType(file: string, { name, dtype }: Expected, array: StoredArray): string | null {
  if (dtype === null || array.dtype === dtype) return null;
  const how = conversionOf(array.dtype, dtype);
  if (how)
    return `array ${name} of ${file} is ${array.dtype} and is ${how === "cast" ? "cast to" : "taken as"} ${dtype}.`;
  const numpy = dataTypeNamed(dtype)?.ort ?? dtype;
  const isImages = isWhole(array.dtype) && array.dims.length === 4;
  const isPixels = isFloat(dtype) && (isImages || array.dtype === "uint8");
  throw new InputError(
    `array ${name} of ${file} is ${array.dtype}, and ${dtype} is expected; convert it with .astype("${numpy}"), as the model was trained${isPixels ? ", or give finetune --scale, --mean and --std, which make floats of pixels" : ""}.`,
  );
}

/** Throws an InputError if an axis of examples is stated for an array that is not read. */
function checkStated(stated: BatchAxes, expected: readonly Expected[]): void {
  for (const [name, axis] of Object.entries(stated)) {
    if (!expected.some((array) => array.name === name))
      throw new InputError(
        `--batch-axis names ${name}, which is neither an input nor a target; these are ${expected.map((array) => array.name).join(", ")}.`,
      );
    if (axis !== null && !(Number.isSafeInteger(axis) && axis >= 0))
      throw new InputError(
        `--batch-axis ${name}=${axis} must be an axis, from 0, or none for one value for all examples.`,
      );
  }
}
