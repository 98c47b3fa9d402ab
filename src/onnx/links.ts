import onnxProto from "onnx-proto";
import { concat } from "./bytes.ts";
import type { Edit } from "./edits.ts";
import { isExternal } from "./external.ts";
import { FIELD, type TensorMessage } from "./messages.ts";
import { bytesField } from "./wire-bytes.ts";

const { onnx } = onnxProto;

/** Returns the fields of a TensorProto whose data is in another file. */
export function externalFields(location: string, offset: number, length: number): Uint8Array {
  const entries = Object.entries({ location, offset, length }).map(([key, value]) =>
    externalEntry(key, String(value)),
  );
  const dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
  return concat([...entries, onnx.TensorProto.encode({ dataLocation }).finish()]);
}

const externalEntry = (key: string, value: string) =>
  bytesField(FIELD.tensorExternalData, onnx.StringStringEntryProto.encode({ key, value }).finish());

/**
 * Returns the edits that make external tensors, in any scope, refer to a data file by another name.
 */
export const relocationEdits = (
  tensors: Iterable<TensorMessage>,
  rename: (location: string) => string,
): Edit[] =>
  [...tensors].filter(isExternal).flatMap(({ externalData }) =>
    externalData
      .filter(({ key }) => key === "location")
      .map(({ frame, key, value }) => ({
        start: frame.at,
        end: frame.end,
        bytes: externalEntry(key, rename(value)),
        frame: frame.parent!,
      })),
  );
