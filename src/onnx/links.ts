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

/** Bytes below which a tensor stays where it is: shapes, axes, scales, which inference reads. */
const LEAST = 1024;

/**
 * The tensors of the main graph whose raw data lies whole in a file, and where: those that may
 * refer to it there. Tensors of bodies and functions are none: onnxruntime-web, which is handed
 * data files, does not find them for those. Nor are those whose place matters: onnxruntime computes
 * on external data where it lies in the file, aligned or not.
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

/** The fields of a TensorProto whose data lies in another file. */
export function externalFields(location: string, offset: number, length: number): Uint8Array {
  const entries = Object.entries({ location, offset, length }).map(([key, value]) =>
    externalEntry(key, String(value)),
  );
  const dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
  return concat([...entries, onnx.TensorProto.encode({ dataLocation }).finish()]);
}

const externalEntry = (key: string, value: string) =>
  bytesField(FIELD.tensorExternalData, onnx.StringStringEntryProto.encode({ key, value }).finish());

/** The edits that make external tensors, in any scope, look for their data under another name. */
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
