import { InputError } from "../errors.ts";
import { dataType, elements } from "./data-types.ts";
import type { TensorMessage } from "./messages.ts";

/** Where an external tensor's bytes are. */
export interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  /** Bytes; null where neither the entries nor the shape tell. */
  readonly length: number | null;
}

/** Whether the tensor's values lie in a file of their own. */
export const isExternal = (tensor: TensorMessage) => tensor.dataLocation === 1;

/** Bytes of a tensor's values as raw data; null for strings and for types not known. */
export function byteLength({ dataType: type, dims }: TensorMessage): number | null {
  const bits = dataType(type)?.bits;
  return bits ? Math.ceil((elements(dims) * bits) / 8) : null;
}

/** Locations by which onnxruntime means an address in its own memory, and the offset is that address. */
const ADDRESS = /^\*\/_ORT_\w*_ADDR_\/\*$/;

/**
 * Whether a location names something outside the folder that it is relative to, on any system:
 * absolute, with a drive, or with "..". Links are not followed.
 */
export const leavesFolder = (location: string) =>
  /^[/\\]|^[a-z]:/i.test(location) || location.split(/[/\\]/).includes("..");

/** Where an external tensor's bytes are, as its external_data entries say. */
export function externalRange(title: string, tensor: TensorMessage): ExternalRange {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location");
  const whole = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined) return null;
    if (!/^\d{1,15}$/.test(text))
      throw new InputError(
        `${title} has the external ${key} "${text.slice(0, 40)}", which is no size; the model is damaged.`,
      );
    return Number(text);
  };
  if (!location)
    throw new InputError(`${title} is external but names no file; the model is damaged.`);
  if (ADDRESS.test(location))
    throw new InputError(
      `${title} is said to lie at an address in memory (${location}), which no file can know; the model is damaged.`,
    );
  return { location, offset: whole("offset") ?? 0, length: whole("length") ?? byteLength(tensor) };
}

/** Throws where an external tensor ends behind the end of its data file, of `size` bytes. */
export function checkInside(
  title: string,
  { location, offset, length }: ExternalRange,
  size: number,
): void {
  const end = offset + (length ?? 0);
  if (end > size)
    throw new InputError(
      `${title} ends at byte ${end} of ${location}, which has ${size}; the data file is truncated or another model's.`,
    );
}
