import type { Mutant } from "./mutate.ts";
import type { SeededDraw } from "./seeded.ts";
import { copy, messagesOf, textField, textOf } from "./wire-places.ts";
import { encode, type Field } from "./wire-tree.ts";

const ODD = [
  null,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  true,
  "",
  "AAAA",
  "../up",
  "%",
  [],
  [[]],
  {},
  [0, 0, 0],
];

/** Mutates what a laurelized model says of itself: JSON in its metadata. */
export function mutateManifest(draw: SeededDraw, model: readonly Field[]): Mutant {
  const fields = copy(model);
  const entries = messagesOf(fields, "Entry");
  const entry = entries.find(({ fields: [key] }) => textOf(key).startsWith("laurelize"));
  const value = entry?.fields.find(({ number }) => number === 2);
  if (!entry || !value) return { bytes: encode(fields), did: [] };
  const text = textOf(value);
  let changed: string;
  if (draw.oneIn(8)) changed = text.slice(0, draw.upTo(text.length));
  else {
    const root: { it: unknown } = { it: JSON.parse(text) };
    for (let k = draw.upTo(1); k >= 0; k--) {
      const keys = [...keysIn(root)];
      if (keys.length === 0) break;
      const [holder, key] = draw.one(keys);
      if (draw.oneIn(5)) Reflect.deleteProperty(holder, key);
      else {
        const old = holder[key];
        holder[key] =
          typeof old === "number" && draw.oneIn(2)
            ? old + draw.upTo(4) - 2
            : structuredClone(draw.one(ODD));
      }
    }
    changed = JSON.stringify(root.it) ?? "";
  }
  entry.fields = entry.fields.map((field) => (field === value ? textField(2, changed) : field));
  return { bytes: encode(fields), did: ["manifest"] };
}

type Holder = Record<string, unknown>;

/** Every place in a JSON value: what holds it, and under which key. */
function* keysIn(holder: object): Generator<[Holder, string]> {
  for (const [key, value] of Object.entries(holder)) {
    yield [holder as Holder, key];
    if (typeof value === "object" && value !== null) yield* keysIn(value);
  }
}
