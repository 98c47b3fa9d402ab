import { decodeEntry } from "./entry.ts";
import { FIELD } from "./messages.ts";
import { bytesSource, type Source } from "./source.ts";
import { fromBase64, type Undo } from "./undo.ts";
import { BYTES, WireReader } from "./wire.ts";

/** Bytes of an entry of external_data at most. */
const LONGEST_ENTRY = 1 << 16;

/**
 * The data files that undoing a patch gives other names: those that the original has for them, by
 * their names in the patched file. Both are whatever the file says.
 */
export function relocations(source: Source, { steps }: Undo): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [at, inserted, removed] of steps) {
    if (typeof removed !== "string" || inserted > LONGEST_ENTRY) continue;
    const now = locationIn(source.read(at, at + inserted));
    const before = now === null ? null : locationIn(fromBase64(removed)!);
    if (now !== null && before !== null && now !== before) names.set(now, before);
  }
  return names;
}

/** The location that bytes state, where they are one entry of external_data, and nothing else. */
function locationIn(bytes: Uint8Array): string | null {
  if (bytes.length === 0 || bytes.length > LONGEST_ENTRY) return null;
  try {
    const reader = new WireReader(bytesSource(bytes));
    const [field, more] = [...reader.fields({ start: 0, end: bytes.length })];
    if (more || field.number !== FIELD.tensorExternalData || field.wire !== BYTES) return null;
    const { key, value } = decodeEntry(bytes.subarray(field.body, field.end));
    return key === "location" ? value : null;
  } catch {
    return null;
  }
}
