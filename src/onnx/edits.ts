import type { Frame, Framed } from "./decode.ts";
import type { Range } from "./source.ts";

/** New bytes for a range inside a message; its length prefix and those around it are updated. */
export interface Edit extends Range {
  readonly bytes: Uint8Array;
  readonly frame: Frame;
}

/** Replaces a range inside a message: a field, or the whole content. */
export const replaceRange = (
  { frame }: Framed,
  { start, end }: Range,
  bytes: Uint8Array = new Uint8Array(),
): Edit => ({ start, end, bytes, frame });

/** Adds a field at the end of a message. */
export const append = (message: Framed, bytes: Uint8Array): Edit =>
  replaceRange(message, { start: message.frame.end, end: message.frame.end }, bytes);

/** Adds a field to the enclosing message, just before this one. */
export const before = ({ frame: { at, parent } }: Framed, bytes: Uint8Array): Edit =>
  replaceRange({ frame: parent! }, { start: at, end: at }, bytes);

/** Replaces a message by other fields; removes it if there are none. */
export const replace = ({ frame: { at, end, parent } }: Framed, bytes?: Uint8Array): Edit =>
  replaceRange({ frame: parent! }, { start: at, end }, bytes);
