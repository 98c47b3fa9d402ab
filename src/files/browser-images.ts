import { InputError } from "../errors.ts";

/** Replaces node-images.ts if there is no file system. */
export const imageClasses = (_place: string): { name: string; files: readonly string[] }[] | null =>
  null;

/** Replaces node-images.ts if there is no file system. */
export const decodedImage = async (
  _file: string,
): Promise<{ width: number; height: number; channels: number; pixels: Uint8Array }> => {
  throw new InputError("this environment cannot open files; give images as arrays.");
};
