import { sha256 } from "#node";
import { scratchWriter } from "#node-data";
import { decodedImage, type imageClasses } from "#node-images";
import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { type Dimension, elements, showShape } from "../../src/onnx/dtypes.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";
import { type ArrayFile, arrayAtHand, arraysAtHand, digestOf } from "./array-file.ts";
import type { Expected } from "./expected.ts";
import type { FolderOptions } from "./reading-options.ts";
import { forEvaluation, gray } from "./resample.ts";

type Classes = NonNullable<ReturnType<typeof imageClasses>>;

/** How images become arrays, and the bytes of memory that may be taken; null for no limit. */
type ImageReading = FolderOptions & { readonly free: number | null };

/** Returns the name that the labels of a folder get. */
export const labelsName = (expected: readonly Expected[]): string =>
  expected.find(({ role }) => role === "target")?.name ?? "labels";

/** torchvision scales the shorter side to 256 and cuts 224 out of the center. */
const [SHORTER, CENTER] = [256, 224];

/**
 * Reads a folder that has one folder of images for each class, as torchvision's eval transform does:
 * the shorter side is scaled, the center cut out. Labels number the classes by name. Pixels stay as 8
 * bits in memory, or in a scratch file if they take more than half of what is free.
 */
export async function imageFolder(
  place: string,
  classes: Classes,
  expected: readonly Expected[],
  { classNames, resize, imageSize, free }: ImageReading,
): Promise<ArrayFile> {
  const inputs = expected.filter(({ role }) => role === "input");
  const { name, height, width, channels, isFixed } = sizesFor(place, inputs, imageSize);
  const target = labelsName(expected);
  const names = classNames?.[target] ?? classes.map(({ name }) => name);
  const files = labeled(place, classes, names);
  const least = Math.min(height, width);
  const shorter = resize ?? Math.round((least * SHORTER) / CENTER);
  if (shorter < least)
    throw new InputError(
      `--resize ${shorter} is less than the model's images of ${height}×${width} need; give at least ${least}.`,
    );
  const dims = [files.length, height, width, channels];
  const source = await pixelsOf(files, dims, shorter, free);
  const labels = new Uint8Array(BigInt64Array.from(files, ({ label }) => BigInt(label)).buffer);
  const arrays = [
    arrayAtHand({ name, dtype: "uint8", dims }, source.read),
    arrayAtHand({ name: target, dtype: "int64", dims: [files.length] }, bytesSource(labels).read),
  ];
  const sizeNote = `the model takes images of any size: ${height}×${width} are taken; --image-size changes that.`;
  return {
    ...arraysAtHand(place, arrays),
    isImages: true,
    classes: { [target]: names },
    notes: [
      `${place} has ${files.length} images of ${names.length} classes: ${listed(names)}.`,
      ...(isFixed || imageSize !== undefined ? [] : [sizeNote]),
    ],
    digest: async () => digestOf([await sha256(source), await sha256(bytesSource(labels))]),
    close: () => source.close?.(),
  };
}

/** The images of all classes. Throws an InputError for a class that has no name here. */
const labeled = (place: string, classes: Classes, names: readonly string[]) =>
  classes.flatMap(({ name, files }) => {
    const label = names.indexOf(name);
    if (label < 0)
      throw new InputError(
        `${place} has a class ${name} that the training data does not have; it has ${names.join(", ")}.`,
      );
    return files.map((file) => ({ file, label }));
  });

/** Reads images into one array of these sizes. */
async function pixelsOf(
  files: readonly { readonly file: string }[],
  dims: readonly number[],
  shorter: number,
  free: number | null,
): Promise<Source> {
  const [, height, width, channels] = dims;
  const pixels = kept(elements(dims), free);
  try {
    for (const { file } of files) {
      const image = forEvaluation(await decodedImage(file), { width, height, shorter });
      pixels.write((channels === 1 ? gray(image) : image).pixels);
    }
  } catch (error) {
    pixels.discard();
    throw error;
  }
  return pixels.finish();
}

/** Where pixels are kept while they are read: in memory, or in a scratch file. */
function kept(size: number, free: number | null) {
  if (free !== null && size > free / 2 && scratchWriter) return scratchWriter();
  const bytes = new Uint8Array(size);
  let at = 0;
  return {
    write(block: Uint8Array) {
      bytes.set(block, at);
      at += block.length;
    },
    finish: () => bytesSource(bytes),
    discard() {},
  };
}

/** The input that takes images, and their size and channels. */
function sizesFor(place: string, inputs: readonly Expected[], imageSize: number = CENTER) {
  const [input, ...others] = inputs;
  if (!input || others.length > 0)
    throw new InputError(
      `${place} is a folder of images, and the model has ${inputs.length} inputs (${inputs.map(({ name }) => name).join(", ")}); give arrays for all of them in an .npz.`,
    );
  const { name, shape } = input;
  if (shape?.length !== 4)
    throw new InputError(
      `${place} is a folder of images, and input ${name} is ${showShape(shape)}, not four-dimensional; give its arrays in an .npz.`,
    );
  const isLast = isColors(shape[3]) && !isColors(shape[1]);
  const [channels, high, wide] = isLast
    ? [shape[3], shape[1], shape[2]]
    : [shape[1], shape[2], shape[3]];
  if (typeof channels === "number" && !isColors(channels))
    throw new InputError(
      `${place} is a folder of images, and input ${name} ${showShape(shape)} takes ${channels} channels; images have 3, or 1 as gray.`,
    );
  const [height, width] = [high, wide].map((side) => (typeof side === "number" ? side : imageSize));
  const isFixed = height === high && width === wide;
  return { name, height, width, channels: channels === 1 ? 1 : 3, isFixed };
}

const isColors = (dim: Dimension) => dim === 1 || dim === 3;
