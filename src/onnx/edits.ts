import type { Frame } from "./decode.ts";
import type { Range } from "./source.ts";

/** New bytes for a range inside a message, whose length, and those around it, follow. */
export interface Edit extends Range {
  readonly bytes: Uint8Array;
  readonly frame: Frame;
}

/** A message of the file, by where it stands. */
interface Message {
  readonly frame: Frame;
}

/** Adds a field at the end of a message. */
export const append = ({ frame }: Message, bytes: Uint8Array): Edit => ({
  start: frame.end,
  end: frame.end,
  bytes,
  frame,
});

/** Adds a field to the message around this one, just before it. */
export const before = ({ frame: { at, parent } }: Message, bytes: Uint8Array): Edit => ({
  start: at,
  end: at,
  bytes,
  frame: parent!,
});

/** Puts other fields in the place of a message. */
export const replace = ({ frame: { at, end, parent } }: Message, bytes: Uint8Array): Edit => ({
  start: at,
  end,
  bytes,
  frame: parent!,
});

/** Takes a message out of the one around it. */
export const remove = (message: Message): Edit => replace(message, new Uint8Array());

/** Puts other bytes in the place of a field inside a message. */
export const replaceField = (
  { frame }: Message,
  { start, end }: Range,
  bytes: Uint8Array,
): Edit => ({ start, end, bytes, frame });

/** Puts other fields in the place of all that a message holds. */
export const replaceContent = ({ frame }: Message, bytes: Uint8Array): Edit => ({
  start: frame.start,
  end: frame.end,
  bytes,
  frame,
});
