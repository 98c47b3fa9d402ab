import { InputError } from "../errors.ts";
import type { Folder } from "./model-file.ts";
import { bytesSource } from "./source.ts";

/** Returns a location without "./" before it. */
export const withoutDots = (location: string) => location.replace(/^(?:\.\/)+/, "");

/** Returns the folder of a model whose data files are in memory, by their locations. */
export function folderInMemory(model: string, files: ReadonlyMap<string, Uint8Array>): Folder {
  const named = new Map([...files].map(([location, bytes]) => [withoutDots(location), bytes]));
  return {
    path: null,
    open(location) {
      const bytes = named.get(withoutDots(location));
      if (bytes === undefined)
        throw new InputError(
          `${model} keeps weights in ${location}, which is missing; give that file together with the model.`,
        );
      return bytesSource(bytes, location);
    },
  };
}
