import type { NodeMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import { BYTES } from "./wire.ts";

/** NodeProto.metadata_props, and key and value of an entry. */
const [PROPS, KEY, VALUE] = [9, 1, 2];

/** Returns what exporters note of a node, by key. */
export function nodeMetadata({ reader }: ModelFile, { frame }: NodeMessage): Map<string, string> {
  const entries = new Map<string, string>();
  for (const field of reader.fields(frame)) {
    if (field.number !== PROPS || field.wire !== BYTES) continue;
    const parts = new Map<number, string>();
    for (const part of reader.fields({ start: field.body, end: field.end }))
      if (part.wire === BYTES) parts.set(part.number, reader.text(part));
    entries.set(parts.get(KEY) ?? "", parts.get(VALUE) ?? "");
  }
  return entries;
}
