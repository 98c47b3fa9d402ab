import { replaceRange } from "./edits.ts";
import { type AnnotationMessage, FIELD, type NodeMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import type { Range } from "./source.ts";
import type { Field } from "./wire.ts";
import { bytesField } from "./wire-bytes.ts";

const [SHARDING, TENSOR_NAME] = [2, 1];

type Reader = ModelFile["reader"];

/** Returns the new name of an operand; the same name if nothing changes. */
type Renaming = (name: string) => readonly string[];

/** Returns how the operands of a node are renamed when the node reads other inputs. */
export function renaming({ inputs, outputs }: NodeMessage, now: readonly string[]): Renaming {
  const names = new Map<string, Set<string>>();
  for (const [k, name] of inputs.entries()) {
    const all = names.get(name) ?? new Set(outputs.includes(name) ? [name] : []);
    names.set(name, all.add(now[k]));
  }
  return (name) => [...(names.get(name) ?? [name])];
}

/** Returns the edits that update a node's device configurations to its new operands. */
export const deviceEdits = ({ reader }: ModelFile, message: NodeMessage, renamed: Renaming) =>
  message.devices.map((it) => replaceRange(message, it, devicesRenamed(reader, it, renamed)));

/** Rewrites a NodeDeviceConfigurationProto with the new names of its operands. */
export function devicesRenamed(reader: Reader, field: Field, renamed: Renaming): Uint8Array {
  const fields = fieldsIn(reader, field).flatMap((each) => {
    if (each.number !== SHARDING) return [raw(reader, each)];
    const name = fieldsIn(reader, each).find(({ number }) => number === TENSOR_NAME);
    if (!name) return [raw(reader, each)];
    const rest = restOf(reader, { start: each.body, end: each.end });
    return renamed(reader.text(name)).map((now) => bytesField(SHARDING, named(now), ...rest));
  });
  return bytesField(field.number, ...fields);
}

/** Copies an annotation to another tensor, as a field of the graph. */
export const annotationNaming = (reader: Reader, { frame }: AnnotationMessage, name: string) =>
  bytesField(FIELD.graphAnnotation, named(name), ...restOf(reader, frame));

const restOf = (reader: Reader, range: Range) =>
  [...reader.fields(range)]
    .filter(({ number }) => number !== TENSOR_NAME)
    .map((field) => raw(reader, field));

const fieldsIn = (reader: Reader, { body, end }: Field) => [...reader.fields({ start: body, end })];
const raw = (reader: Reader, { start, end }: Range) => reader.bytes({ start, end }).slice();
const utf8 = new TextEncoder();
const named = (name: string) => bytesField(TENSOR_NAME, utf8.encode(name));
