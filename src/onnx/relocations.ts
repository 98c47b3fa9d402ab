import { FIELD } from "./messages.ts";
import { entryIn } from "./model-file.ts";
import { bytesSource, type Source } from "./source.ts";
import { fromBase64, type Undo } from "./undo.ts";
import { BYTES, WireReader } from "./wire.ts";

/** Maximum size in bytes of an entry of external_data. */
const LONGEST_ENTRY = 1 << 16;

/**
 * Returns the data files that undoing a patch renames: their names in the original by their names
 * in the patched file. Neither name is validated.
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

/** Returns the location that bytes encode, if they are exactly one entry of external_data. */
function locationIn(bytes: Uint8Array): string | null {
  if (bytes.length === 0 || bytes.length > LONGEST_ENTRY) return null;
  try {
    const reader = new WireReader(bytesSource(bytes));
    const [field, more] = [...reader.fields({ start: 0, end: bytes.length })];
    if (more || field.number !== FIELD.tensorExternalData || field.wire !== BYTES) return null;
    const { key, value } = entryIn(reader, field);
    return key === "location" ? value : null;
  } catch {
    return null;
  }
}
