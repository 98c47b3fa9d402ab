import { groupBy } from "../graph/group-by.ts";
import { type Framed, partsOf } from "../onnx/decode.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { BYTES, type Field } from "../onnx/wire.ts";

/** A message's fields: names by their numbers, and those that are compared elsewhere. */
interface Fields {
  readonly names: Readonly<Record<number, string>>;
  readonly elsewhere: readonly number[];
}

/** A message of a model. */
interface Message {
  readonly file: ModelFile;
  readonly message: Framed;
}

/** Returns the fields in which two messages differ, by name, and whether the first lacks them. */
export function fieldDifferences(
  a: Message,
  b: Message,
  { names, elsewhere }: Fields,
): { readonly name: string; readonly added: boolean }[] {
  const [left, right] = [fieldsOf(a, elsewhere), fieldsOf(b, elsewhere)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((number) => {
    const [mine, others] = [left.get(number) ?? [], right.get(number) ?? []];
    const same =
      mine.length === others.length &&
      mine.every((field, k) => equalRanges(a.file, bodyOf(field), b.file, bodyOf(others[k])));
    return same ? [] : [{ name: names[number] ?? `field ${number}`, added: mine.length === 0 }];
  });
}

const bodyOf = ({ body, end }: Field) => ({ start: body, end });

/** Returns fields by number, without those that hold only a default. */
function fieldsOf(
  { file: { reader }, message: { frame } }: Message,
  elsewhere: readonly number[],
): Map<number, Field[]> {
  const fields = partsOf(frame).flatMap((part) => [...reader.fields(part)]);
  const isEmpty = (field: Field) =>
    field.wire === BYTES ? field.end === field.body : isZero(reader.bytes(bodyOf(field)));
  return groupBy(
    fields.filter((field) => !isEmpty(field) && !elsewhere.includes(field.number)),
    ({ number }) => number,
  );
}

const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
