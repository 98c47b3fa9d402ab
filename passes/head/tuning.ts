import { tried } from "../../src/errors.ts";
import { patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { VERSION } from "../../src/version.ts";

/** A new last layer of a model. */
export interface HeadRecord {
  /** The layer's name, as it was given. */
  readonly layer: string;
  readonly classes: number;
  readonly seed: number;
  /** Names of the new weights. */
  readonly weights: readonly string[];
  /** Set if the old layer was quantized: the new one is in floats. */
  readonly fromIntegers?: boolean;
  /** Set if the old layer compared directions, as a cosine classifier does: the new one is linear. */
  readonly fromDirections?: boolean;
}

/** What a model records of itself if its own weights were trained, or it has a new last layer. */
export interface TuningRecord {
  /** The version of this tool. */
  readonly version: string;
  /** SHA-256 of the model it was made from, in hexadecimal; null if it is not known. */
  readonly sha256: string | null;
  /** Names of the model's own weights that were trained since. */
  readonly trained: readonly string[];
  readonly head?: HeadRecord;
}

/** The metadata_props key of the record. */
export const TUNING_KEY = "laurelize.tuned";

/** Returns the record of a model or an adapter; null if it has none that can be read. */
export const tuningOf = (metadata: ReadonlyMap<string, string>): TuningRecord | null =>
  tried(() => {
    const read = JSON.parse(metadata.get(TUNING_KEY) ?? "null") as TuningRecord | null;
    const { sha256, trained, head } = read ?? {};
    const names = [...(trained ?? [null]), ...(head?.weights ?? [])];
    const isSound =
      (sha256 === null || typeof sha256 === "string") &&
      names.every((name) => typeof name === "string") &&
      (head === undefined || (typeof head.layer === "string" && Array.isArray(head.weights)));
    return isSound ? read : null;
  });

/** Returns the entry of metadata_props for a record. */
export const tuningEntry = (tuning: Omit<TuningRecord, "version">) => ({
  key: TUNING_KEY,
  value: JSON.stringify({ version: VERSION, ...tuning }),
});

/** Returns the model with a record, in place of the one that it may have. */
export const withTuning = (model: Model, tuning: Omit<TuningRecord, "version">): Model =>
  modelOf(patchedBytes(model.file, { metadata: [tuningEntry(tuning)] }));
