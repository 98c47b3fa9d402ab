import { InputError } from "../errors.ts";
import { concat, equalBytes } from "../onnx/bytes.ts";
import type { Outside } from "../onnx/encode.ts";
import { byteLength, externalRange, isExternal } from "../onnx/external.ts";
import { type Companion, type ModelSource, tensorBytes } from "../onnx/model-file.ts";
import type { NewValues } from "../onnx/tensor-edits.ts";
import { tensorOf } from "./constants.ts";
import type { Graph } from "./graph.ts";
import { checkSize, patchedBytes } from "./patch.ts";
import { checkNewData, folderAfter, type Placing, placed } from "./placing.ts";
import { weightNamed } from "./scopes.ts";

/** The placing of replaced external values, and of data files under other names. */
export type Replacing = Omit<Placing, "link">;

/**
 * Replaces the values of weights, by name: initializers or Constant nodes of the main graph, or
 * initializers of a body. New values are raw data. Raw data in the model is replaced in place and
 * no other byte changes; values in a typed field become raw data. Values in a data file go into the
 * new one that `placing` names, otherwise into the model; those in a data file that is not written
 * yet are replaced there. Weights that are equal already stay unchanged.
 */
export function replaceWeights(
  graph: Graph,
  weights: ReadonlyMap<string, Uint8Array>,
  { newData, copies }: Replacing = {},
): ModelSource {
  const { file } = graph;
  const { source } = file;
  const data = new Renewal(file.folder?.companion, newData ?? null);
  const values: NewValues[] = [];
  for (const [name, bytes] of weights) {
    const value = weightNamed(graph, name);
    const tensor = tensorOf(value);
    if (!tensor)
      throw new InputError(`${source.name} does not have a weight ${name} in its main graph.`);
    const needed = byteLength(tensor);
    if (needed !== bytes.length)
      throw new InputError(
        `weight ${name} of ${source.name} has ${needed} bytes, but ${bytes.length} were given.`,
      );
    if (equalBytes(tensorBytes(file, tensor), bytes)) continue;
    const isMovable = value!.initializer && isExternal(tensor);
    const range = isMovable ? externalRange(tensor.name, tensor) : null;
    if (range && data.overwrite(range.location, range.offset, bytes)) continue;
    values.push({ tensor, to: (range && data.append(bytes)) ?? bytes });
  }
  const changed = patchedBytes(file, { ...placed(file, { copies }), values });
  checkSize(source, changed.source.size);
  const companion = data.companion();
  if (companion && !file.folder?.companion) checkNewData(file, { newData, copies });
  const placing = { newData: companion?.location, copies };
  const folder = folderAfter(file.folder, placing, companion?.bytes ?? null);
  return { source: changed.source, folder };
}

/** A data file to be written; an earlier one is copied before it changes. */
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

  /** Replaces bytes in place if the position is in this file; returns whether it is. */
  overwrite(location: string, offset: number, bytes: Uint8Array): boolean {
    if (location !== this.#before?.location) return false;
    this.#overwritten.push([offset, bytes]);
    return true;
  }

  /** Appends bytes; returns their position, or null without a file. */
  append(bytes: Uint8Array): Outside | null {
    if (this.#location === null) return null;
    const place = { location: this.#location, offset: this.#length, length: bytes.length };
    this.#appended.push(bytes);
    this.#length += bytes.length;
    return place;
  }

  /** Returns the new file; null if there is none, or if it did not change. */
  companion(): Companion | null {
    if (this.#overwritten.length + this.#appended.length === 0) return null;
    const bytes = concat([this.#before?.bytes ?? new Uint8Array(), ...this.#appended]);
    for (const [offset, part] of this.#overwritten) bytes.set(part, offset);
    return { location: this.#location!, bytes };
  }
}
