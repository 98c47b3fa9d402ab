import { InputError } from "../errors.ts";
import { concat, equalBytes } from "../onnx/bytes.ts";
import type { Outside } from "../onnx/encode.ts";
import { byteLength, externalRange, isExternal } from "../onnx/external.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { type Companion, tensorBytes } from "../onnx/model-file.ts";
import type { NewValues } from "../onnx/tensor-edits.ts";
import { tensorOf } from "./constants.ts";
import type { Graph } from "./graph.ts";
import { checkSize, type Patched, patchedBytes } from "./patch.ts";
import { folderAfter, folderWith, type Placing, placed } from "./placing.ts";
import { weightNamed } from "./scopes.ts";

/** Where replaced values of external tensors go, and data files under other names. */
export type Replacing = Omit<Placing, "link">;

/**
 * The model with other values in some weights: initializers or Constant nodes of the main graph, or
 * initializers of a body, by name; their new values as raw data. Values that lie in the model as raw data are replaced where
 * they stand, and no other byte changes; those in a field of numbers become raw data. Those in a
 * data file go into the new one that `placing` names, else into the model; those in a data file
 * that is not yet written are replaced there. What is equal already is left as it is.
 */
export function replaceWeights(
  graph: Graph,
  weights: ReadonlyMap<string, Uint8Array>,
  { newData, copies }: Replacing = {},
): Omit<Patched, "undo"> {
  const { file } = graph;
  const { source } = file;
  const data = new Renewal(file.folder?.companion, newData ?? null);
  const values: NewValues[] = [];
  for (const [name, bytes] of weights) {
    const value = weightNamed(graph, name);
    const tensor = tensorOf(value);
    if (!tensor) throw new InputError(`${source.name} has no weight ${name} in its main graph.`);
    const needed = byteLength(tensor);
    if (needed !== bytes.length)
      throw new InputError(
        `weight ${name} of ${source.name} has ${needed} bytes, and ${bytes.length} were given.`,
      );
    if (equalBytes(tensorBytes(file, tensor), bytes)) continue;
    values.push(...placedValues(tensor, bytes, value!.initializer ? data : null));
  }
  const result = patchedBytes(file, { ...placed(file, { copies }), values });
  checkSize(source, result.size);
  const folder = copies ? folderAfter(file.folder, { copies }, null) : file.folder;
  const companion = data.companion();
  return { source: result, folder: companion ? folderWith(folder, companion) : folder };
}

/** New values of a tensor, in the model or, through `data`, outside; nothing if the data file alone changes. */
function placedValues(tensor: TensorMessage, bytes: Uint8Array, data: Renewal | null): NewValues[] {
  const range = isExternal(tensor) ? externalRange(tensor.name, tensor) : null;
  if (range && data?.overwrite(range.location, range.offset, bytes)) return [];
  return [{ tensor, to: (range && data?.append(bytes)) ?? bytes }];
}

/** A data file that is to be written, as it becomes: an earlier one is copied before it changes. */
class Renewal {
  readonly #before: Companion | null;
  readonly #location: string | null;
  readonly #overwritten: [number, Uint8Array][] = [];
  readonly #appended: Uint8Array[] = [];
  #length: number;

  constructor(before: Companion | undefined, location: string | null) {
    this.#before = before ?? null;
    this.#location = before?.location ?? location;
    this.#length = before?.bytes.length ?? 0;
  }

  /** Replaces bytes where they stand, if it is this file; tells whether it is. */
  overwrite(location: string, offset: number, bytes: Uint8Array): boolean {
    if (location !== this.#before?.location) return false;
    this.#overwritten.push([offset, bytes]);
    return true;
  }

  /** Adds bytes at the end; their place, null without a file. */
  append(bytes: Uint8Array): Outside | null {
    if (this.#location === null) return null;
    const place = { location: this.#location, offset: this.#length, length: bytes.length };
    this.#appended.push(bytes);
    this.#length += bytes.length;
    return place;
  }

  /** The file as it is to be; null where there is none, or none but what was there. */
  companion(): Companion | null {
    if (this.#overwritten.length + this.#appended.length === 0) return null;
    const bytes = concat([this.#before?.bytes ?? new Uint8Array(), ...this.#appended]);
    for (const [offset, part] of this.#overwritten) bytes.set(part, offset);
    return { location: this.#location!, bytes };
  }
}
