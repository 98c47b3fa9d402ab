import onnxProto from "onnx-proto";
import { concat } from "./bytes.ts";
import type { Edit } from "./edits.ts";
import { isExternal } from "./external.ts";
import { FIELD, type TensorMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import { placeSensitive } from "./place-sensitive.ts";
import { originOf, type Stretch } from "./source.ts";
import { bytesField } from "./wire-bytes.ts";

const { onnx } = onnxProto;

/** Size in bytes below which a tensor is copied: shapes, axes and scales, which inference reads. */
const LEAST = 1024;

/**
 * Returns the tensors of the main graph whose raw data is contiguous in a file, with its position;
 * these can refer to that file. Excludes tensors of bodies and functions, because onnxruntime-web
 * does not find data files for them. Excludes tensors whose alignment matters, because onnxruntime
 * computes on external data at its position in the file, aligned or not.
 */
export function linkable(file: ModelFile): [TensorMessage, Stretch][] {
  const fixed = placeSensitive(file);
  const initializers = file.graph.initializers.filter(({ name }) => !fixed.has(name));
  const constants = file.graph.nodes.flatMap(({ opType, domain, outputs, attributes }) =>
    opType === "Constant" && (domain === "" || domain === "ai.onnx") && !fixed.has(outputs[0])
      ? attributes.flatMap(({ name, t }) => (name === "value" && t ? [t] : []))
      : [],
  );
  return [...initializers, ...constants].flatMap((tensor) => {
    const { raw, frame, externalData } = tensor;
    if (!raw || raw.end - raw.start < LEAST || frame.earlier) return [];
    if (isExternal(tensor) || externalData.length > 0) return [];
    const origin = originOf(file.source, raw);
    return origin ? [[tensor, origin] as [TensorMessage, Stretch]] : [];
  });
}

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
