import { replaceRange } from "./edits.ts";
import { textField } from "./encode.ts";
import { type AnnotationMessage, FIELD, type NodeMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import type { Range } from "./source.ts";
import { type Field, valueRange } from "./wire.ts";
import { bytesField } from "./wire-writer.ts";

const [SHARDING, NAME] = [2, 1];

type Reader = ModelFile["reader"];

/** Returns the new name of an operand; the same name if nothing changes. */
type Renaming = (name: string) => readonly string[];

/** Returns how the operands of a node are renamed when the node reads other inputs. */
function renaming({ inputs, outputs }: NodeMessage, now: readonly string[]): Renaming {
  const names = new Map<string, Set<string>>();
  for (const [k, name] of inputs.entries()) {
    const all = names.get(name) ?? new Set(outputs.includes(name) ? [name] : []);
    names.set(name, all.add(now[k]));
  }
  return (name) => [...(names.get(name) ?? [name])];
}

/** Returns the edits that update a node's device configurations to the inputs that it reads now. */
export function deviceEdits({ reader }: ModelFile, message: NodeMessage, now: readonly string[]) {
  const renamed = renaming(message, now);
  return message.devices.map((it) =>
    replaceRange(message, it, devicesRenamed(reader, it, renamed)),
  );
}

/** Rewrites a NodeDeviceConfigurationProto with the new names of its operands. */
export function devicesRenamed(reader: Reader, field: Field, renamed: Renaming): Uint8Array {
  const fields = [...reader.fields(valueRange(field))].flatMap((each) => {
    if (each.number !== SHARDING) return [reader.bytes(each)];
    const { name, rest } = namedParts(reader, valueRange(each));
    if (name === null) return [reader.bytes(each)];
    return renamed(name).map((now) => bytesField(SHARDING, named(now), ...rest));
  });
  return bytesField(field.number, ...fields);
}

/** Copies an annotation to another tensor, as a field of the graph. */
export const annotationNaming = (reader: Reader, { frame }: AnnotationMessage, name: string) =>
  bytesField(FIELD.graphAnnotation, named(name), ...namedParts(reader, frame).rest);

/** Returns a message's name, which is its field 1, or null without one, and its other fields. */
export function namedParts(reader: Reader, range: Range) {
  const fields = [...reader.fields(range)];
  const name = fields.find(({ number }) => number === NAME);
  const rest = fields.filter(({ number }) => number !== NAME).map((field) => reader.bytes(field));
  return { name: name ? reader.text(name) : null, rest };
}

const named = (name: string) => textField(NAME, name);
