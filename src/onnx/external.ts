import { InputError } from "../errors.ts";
import { dataType, elements } from "./dtypes.ts";
import type { TensorMessage } from "./messages.ts";

/** The position of an external tensor's bytes. */
interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  /** Length in bytes; null if neither the entries nor the shape give it. */
  readonly length: number | null;
}

/** Whether the tensor's values are in a separate file. */
export const isExternal = (tensor: TensorMessage) => tensor.dataLocation === 1;

/** Returns the size of a tensor's raw data in bytes; null for strings and unknown types. */
export function byteLength({ dataType: type, dims }: TensorMessage): number | null {
  const bits = dataType(type)?.bits;
  return bits ? Math.ceil((elements(dims) * bits) / 8) : null;
}

/** Returns the size of some tensors' raw data in bytes. */
export const bytesOfTensors = (tensors: Iterable<TensorMessage>): number =>
  [...tensors].reduce((sum, tensor) => sum + (byteLength(tensor) ?? 0), 0);

/** Locations that onnxruntime reads as an address in its own memory; the offset is that address. */
const ADDRESS = /^\*\/_ORT_\w*_ADDR_\/\*$/;

/**
 * Whether a location names a file outside the folder that it is relative to, on any system: an
 * absolute path, one with a drive, or one with "..". Does not follow links.
 */
export const leavesFolder = (location: string) =>
  /^[/\\]|^[a-z]:/i.test(location) || location.split(/[/\\]/).includes("..");

/** Reads the position of an external tensor's bytes from its external_data entries. */
export function externalRange(title: string, tensor: TensorMessage): ExternalRange {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location");
  const whole = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined) return null;
    if (!/^\d{1,15}$/.test(text))
      throw new InputError(
        `${title} has the external ${key} "${text.slice(0, 40)}", which is not a size; the model is damaged.`,
      );
    return Number(text);
  };
  if (!location)
    throw new InputError(`${title} is external but does not name a file; the model is damaged.`);
  if (ADDRESS.test(location))
    throw new InputError(
      `${title} refers to an address in memory (${location}), which a file cannot contain; the model is damaged.`,
    );
  return { location, offset: whole("offset") ?? 0, length: whole("length") ?? byteLength(tensor) };
}

/** Throws if an external tensor ends after the end of its data file of `size` bytes. */
export function checkInside(
  title: string,
  { location, offset, length }: ExternalRange,
  size: number,
): void {
  const end = offset + (length ?? 0);
  if (end > size)
    throw new InputError(
      `${title} ends at byte ${end} of ${location}, which has ${size}; the data file is truncated or belongs to another model.`,
    );
}

/**
 * Returns the same key for names that some file system treats as equal: names that differ only in
 * case, in Unicode form, or in the dots and spaces at their ends.
 */
export const fileKey = (name: string): string =>
  name
    .normalize("NFD")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFD")
    .replace(/[. ]+$/, "");
