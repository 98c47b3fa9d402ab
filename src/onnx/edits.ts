import type { Frame, Framed } from "./decode.ts";
import type { Range } from "./source.ts";

/** New bytes for a range inside a message; its length prefix and those around it are updated. */
export interface Edit extends Range {
  readonly bytes: Uint8Array;
  readonly frame: Frame;
}

/** Adds a field at the end of a message. */
export const append = ({ frame }: Framed, bytes: Uint8Array): Edit => ({
  start: frame.end,
  end: frame.end,
  bytes,
  frame,
});

/** Adds a field to the enclosing message, just before this one. */
export const before = ({ frame: { at, parent } }: Framed, bytes: Uint8Array): Edit => ({
  start: at,
  end: at,
  bytes,
  frame: parent!,
});

/** Replaces a message by other fields. */
export const replace = ({ frame: { at, end, parent } }: Framed, bytes: Uint8Array): Edit => ({
  start: at,
  end,
  bytes,
  frame: parent!,
});

/** Removes a message from the enclosing one. */
export const remove = (message: Framed): Edit => replace(message, new Uint8Array());

/** Replaces the bytes of a field inside a message. */
export const replaceField = (
  { frame }: Framed,
  { start, end }: Range,
  bytes: Uint8Array,
): Edit => ({ start, end, bytes, frame });

/** Replaces the whole content of a message by other fields. */
export const replaceContent = ({ frame }: Framed, bytes: Uint8Array): Edit => ({
  start: frame.start,
  end: frame.end,
  bytes,
  frame,
});
