import fs from "node:fs";
import path from "node:path";
import type { Metadata } from "sharp";
import { InputError, notInstalled } from "../errors.ts";
import { closing, contentOf } from "../onnx/source.ts";
import { fileSource, isFolder, namesIn } from "./node-source.ts";

/** A class of images: the name of its folder, and the images in it, by path. */
interface ImageClass {
  readonly name: string;
  readonly files: readonly string[];
}

const ENDINGS = /\.(jpe?g|png|webp|tiff?|gif|avif|bmp|ppm|pgm)$/i;

/** Returns the names in a folder that do not begin with a dot, sorted by code units. */
const visibleNames = (folder: string) =>
  namesIn(folder)
    .filter((name) => !name.startsWith("."))
    .sort();

const SPLIT = /^(train(ing)?|val(id(ation)?)?|dev|eval|test(ing)?)$/i;

/**
 * Returns the classes of a folder that has one folder of images for each, by their names; null if
 * it is not such a folder. Throws an InputError if one of the folders has no image.
 */
export function imageClasses(place: string): ImageClass[] | null {
  if (!isFolder(place)) return null;
  const names = visibleNames(place);
  if (names.some((name) => name.endsWith(".npz"))) return null;
  const folders = names.filter((name) => isFolder(path.join(place, name)));
  if (folders.length === 0 && names.some((name) => ENDINGS.test(name)))
    throw new InputError(
      `${place} contains images, but a folder of images must have one subfolder for each class; move the images of each class into a subfolder with its name.`,
    );
  checkSplits(place, folders);
  const classes = folders.map((name) => ({ name, files: imagesIn(path.join(place, name)) }));
  if (classes.every(({ files }) => files.length === 0)) return null;
  const empty = classes.find(({ files }) => files.length === 0);
  if (empty)
    throw new InputError(
      `${path.join(place, empty.name)} contains no images, but each subfolder of ${place} is a class; remove it, or add images.`,
    );
  return classes;
}

/** Throws an InputError if the folders are those of training and evaluation, with classes in them. */
function checkSplits(place: string, folders: readonly string[]): void {
  const hasClasses = (name: string) =>
    fs
      .readdirSync(path.join(place, name), { withFileTypes: true })
      .some((one) => one.isDirectory());
  if (folders.length < 2 || !folders.every((name) => SPLIT.test(name) && hasClasses(name))) return;
  const training = folders.find((name) => /^train/i.test(name)) ?? folders[0];
  const other = folders.find((name) => name !== training)!;
  throw new InputError(
    `the folders of ${place} are ${folders.join(", ")}, which are not classes; pass --data ${path.join(place, training)} --eval ${path.join(place, other)}.`,
  );
}

/**
 * Returns the images in a folder and its subfolders, by name. Throws an InputError if a link leads
 * back to a folder `around` it.
 */
function imagesIn(folder: string, around: readonly string[] = []): string[] {
  const real = fs.realpathSync(folder);
  if (around.includes(real))
    throw new InputError(`${folder} is a link to a folder that it is in; remove it.`);
  return visibleNames(folder).flatMap((name) => {
    const place = path.join(folder, name);
    if (isFolder(place)) return imagesIn(place, [...around, real]);
    return ENDINGS.test(name) ? [place] : [];
  });
}

/**
 * Decodes an image as Pillow's `Image.open(file).convert("RGB")` does: three channels of 8 bits, as
 * they are stored, without transparency and without rotation. Throws an InputError for a file that
 * cannot be read, or that sharp reads differently from Pillow.
 */
export async function decodedImage(file: string) {
  const { default: sharp } = await import("sharp").catch(notInstalled(NO_SHARP));
  const bytes = Buffer.from(closing(fileSource(file, "image"), contentOf));
  let why: string | null;
  try {
    if (isSvg(bytes)) throw new Error("SVG, which is drawn at any size");
    const image = sharp(bytes, { ignoreIcc: true, failOn: "error" });
    const metadata = await image.metadata();
    const { format } = metadata;
    const isInk = metadata.space === "cmyk";
    why = differsFromPillow(bytes, metadata);
    if (format === "gif" && !(await sharp(bytes).stats()).isOpaque) why = TRANSPARENT;
    const whole = isInk ? image.pipelineColorspace("cmyk").toColourspace("cmyk") : image;
    const { data, info } = await (isInk ? whole : whole.toColourspace("srgb").removeAlpha())
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const stored = new Uint8Array(data.buffer, data.byteOffset, data.length);
    const pixels = isInk ? fromInk(stored) : channels === 3 ? stored : tripled(stored);
    if (why === null) return { width, height, channels: 3, pixels };
  } catch (error) {
    [why] = String((error as Error).message).split("\n");
  }
  throw new InputError(
    `${file} cannot be read as an image (${why}); remove it, or save it as a PNG or JPEG of 8 bits.`,
  );
}

const TRANSPARENT = "a GIF with transparent pixels, whose colors are not decoded";

/** Whether sharp would draw a file as SVG, for however long that takes. */
function isSvg(bytes: Buffer): boolean {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isPacked || /^(?=[\t-\x7f]{24}).*<svg/is.test(bytes.toString("latin1", 0, 1024));
}

/** Returns a clause on what sharp reads differently from Pillow; null if nothing is known. */
function differsFromPillow(
  bytes: Buffer,
  { format, depth, channels }: Pick<Metadata, "format" | "depth" | "channels">,
): string | null {
  if (format === "heif") return "AVIF, which decoders read differently";
  if (depth === "ushort" && channels < 3 && bytes[25] !== GRAY_WITH_ALPHA)
    return "gray of 16 bits, of which Pillow keeps only 0 to 255";
  if (depth !== "uchar" && depth !== "ushort") return `numbers of type ${depth}, not colors`;
  return format === "tiff" && isRawYcc(bytes) ? "a TIFF of YCbCr, which is not converted" : null;
}

/** The color type of a PNG, the byte behind its sizes, which Pillow reads as RGBA. */
const GRAY_WITH_ALPHA = 4;

/** Whether the first image of a TIFF is YCbCr that a JPEG decoder does not convert. */
function isRawYcc(bytes: Buffer): boolean {
  const [TIFF, PHOTOMETRIC, COMPRESSION, YCC, JPEG] = [42, 262, 259, 6, 7];
  const isLittle = bytes[0] === 0x49;
  const short = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  if (short(2) !== TIFF) return false;
  const start = isLittle ? bytes.readUInt32LE(4) : bytes.readUInt32BE(4);
  const values = new Map<number, number>();
  for (let k = 0; k < short(start); k++)
    values.set(short(start + 2 + 12 * k), short(start + 10 + 12 * k));
  return values.get(PHOTOMETRIC) === YCC && values.get(COMPRESSION) !== JPEG;
}

/** Converts CMYK to RGB, rounded as Pillow rounds. */
function fromInk(ink: Uint8Array): Uint8Array {
  const pixels = new Uint8Array((ink.length / 4) * 3);
  for (let k = 0; k < pixels.length; k++) {
    const at = Math.floor(k / 3) * 4;
    const light = 255 - ink[at + 3];
    const product = ink[at + (k % 3)] * light + 128;
    pixels[k] = Math.max(0, light - (((product >> 8) + product) >> 8));
  }
  return pixels;
}

function tripled(gray: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(gray.length * 3);
  for (let k = 0; k < pixels.length; k++) pixels[k] = gray[Math.floor(k / 3)];
  return pixels;
}

const NO_SHARP =
  "a folder of images needs sharp, which is not installed; run npm install sharp, or save the images as arrays with numpy.savez.";
