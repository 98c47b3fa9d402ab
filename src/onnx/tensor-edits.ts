import { allTensors } from "./all-tensors.ts";
import { type Frame, partsOf } from "./decode.ts";
import { dataTypeNamed } from "./dtypes.ts";
import { append, type Edit, replace, replaceRange } from "./edits.ts";
import { locationField, type Outside, outsideFields, tensorMessage } from "./encode.ts";
import { isExternal } from "./external.ts";
import { FIELD, type TensorMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import type { DenseTensor } from "./new-node.ts";
import { bytesField } from "./wire-writer.ts";

/** A tensor with new values: raw data inside the model, or a position in a data file. */
export interface NewValues {
  readonly tensor: TensorMessage;
  readonly to: Uint8Array | Outside;
}

/** A field that states a data type, and its new type. */
export interface StatedType {
  readonly frame: Frame;
  readonly field: number;
  readonly dtype: string;
}

/** A patch's changes of existing tensors. */
export interface TensorChanges {
  readonly values?: readonly NewValues[];
  /** New names of data files, by their current locations. */
  readonly locations?: (location: string) => string;
  /** New values, by the tensor they replace. */
  readonly tensorsBy?: readonly { readonly tensor: TensorMessage; readonly by: DenseTensor }[];
  readonly dtypes?: readonly StatedType[];
}

/** Returns the edits for a patch's changes of existing tensors and stated types. */
export function tensorEdits(file: ModelFile, changes: TensorChanges): Edit[] {
  const { values = [], locations, tensorsBy = [], dtypes = [] } = changes;
  const valued = new Set(values.map(({ tensor }) => tensor));
  const others = locations ? [...allTensors(file)].filter((tensor) => !valued.has(tensor)) : [];
  const entries = others.filter(isExternal).flatMap(({ externalData }) => externalData);
  const located = entries.filter(({ key }) => key === "location");
  return [
    ...values.flatMap((one) => valueEdits(file, one)),
    ...located.map((entry) => replace(entry, locationField(locations!(entry.value)))),
    ...tensorsBy.map(({ tensor, by }) => replaceRange(tensor, tensor.frame, tensorMessage(by))),
    ...dtypes.flatMap((stated) => typeEdits(file, stated)),
  ];
}

/** TensorProto's fields that hold or locate its values. */
const VALUES: ReadonlySet<number> = new Set([4, 5, 6, 7, 9, 10, 11, 13, 14]);

/** Replaces raw data in place; otherwise replaces the fields that hold or locate values. */
function valueEdits({ reader }: ModelFile, { tensor, to }: NewValues): Edit[] {
  const { frame, raw } = tensor;
  const inside = to instanceof Uint8Array;
  if (inside && raw && !isExternal(tensor)) return [replaceRange(tensor, raw, to)];
  const cuts = partsOf(frame).flatMap((part) =>
    [...reader.fields(part)]
      .filter(({ number }) => VALUES.has(number))
      .map((field) => replaceRange({ frame: part }, field)),
  );
  const fields = inside ? bytesField(FIELD.tensorRaw, to) : outsideFields(to);
  return [...cuts, append(tensor, fields)];
}

function typeEdits({ reader }: ModelFile, { frame, field, dtype }: StatedType): Edit[] {
  const bytes = Uint8Array.of(field * 8, dataTypeNamed(dtype)!.number);
  return [...reader.fields(frame)]
    .filter(({ number }) => number === field)
    .map((place) => replaceRange({ frame }, place, bytes));
}
