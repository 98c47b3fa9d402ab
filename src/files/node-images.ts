import fs from "node:fs";
import path from "node:path";
import { InputError } from "../errors.ts";

/** A class of images: the name of its folder, and the images in it, by path. */
export interface ImageClass {
  readonly name: string;
  readonly files: readonly string[];
}

const ENDINGS = /\.(jpe?g|png|webp|tiff?|gif|avif|bmp|ppm|pgm)$/i;

const SPLIT = /^(train(ing)?|val(id(ation)?)?|dev|eval|test(ing)?)$/i;

const sorted = (names: readonly string[]) => [...names].sort((a, b) => (a < b ? -1 : 1));

/**
 * Returns the classes of a folder that has one folder of images for each, by their names; null if
 * it is no such folder. Throws an InputError if one of the folders has no image.
 */
export function imageClasses(place: string): ImageClass[] | null {
  if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return null;
  const names = sorted(fs.readdirSync(place).filter((name) => !name.startsWith(".")));
  if (names.some((name) => name.endsWith(".npz"))) return null;
  const folders = names.filter((name) => fs.statSync(path.join(place, name)).isDirectory());
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

/** The images in a folder and in those inside it, by name. */
const imagesIn = (folder: string): string[] =>
  sorted(fs.readdirSync(folder)).flatMap((name) => {
    const place = path.join(folder, name);
    if (name.startsWith(".")) return [];
    if (fs.statSync(place).isDirectory()) return imagesIn(place);
    return ENDINGS.test(name) ? [place] : [];
  });

/** Decodes an image: three channels of 8 bits, as they are stored, without its transparency. */
export async function decodedImage(file: string) {
  const { default: sharp } = await loadedSharp();
  try {
    const image = sharp(fs.readFileSync(file), { ignoreIcc: true, failOn: "error" });
    const { data, info } = await image
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
    return { width, height, channels: 3, pixels: channels === 3 ? pixels : tripled(pixels) };
  } catch (error) {
    const [why] = String((error as Error).message).split("\n");
    throw new InputError(
      `${file} cannot be read as an image (${why}); remove it, or save it again.`,
    );
  }
}

function tripled(gray: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(gray.length * 3);
  for (let k = 0; k < pixels.length; k++) pixels[k] = gray[Math.floor(k / 3)];
  return pixels;
}

/** Loads sharp, an optional dependency. Throws an InputError that says how to get it. */
async function loadedSharp() {
  try {
    return await import("sharp");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new InputError(
      "a folder of images needs sharp, which is not installed; run npm install sharp, or save the images as arrays with numpy.savez.",
    );
  }
}
