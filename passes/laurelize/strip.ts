import { sha256 } from "#node";
import { checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { folderAfter } from "../../src/graph/placing.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { type ModelFile, metadataOf } from "../../src/onnx/model-file.ts";
import type { Range, Source } from "../../src/onnx/source.ts";
import { altered, relocations, sampled, undone } from "../../src/onnx/undo.ts";
import {
  foldedSentence,
  type Manifest,
  manifestKey,
  manifests,
  parameterNames,
} from "./manifest.ts";

/** The result of `strip`. */
export interface Stripped {
  /** The model before its last laurelization, byte for byte. */
  readonly model: Model;
  /** Which recorded SHA-256 was checked: the whole file's, or a sample's. */
  readonly checked: "whole" | "sample" | null;
  /** The original's own file, if linked weights are read from it. */
  readonly beside: string | null;
}

/**
 * Undoes the last laurelization of a model. Throws an InputError if the model is not laurelized, or
 * if the file or its old weights have changed since.
 */
export async function strip(model: Model): Promise<Stripped> {
  checkModel("strip", model);
  const insertions = manifests(model.metadata);
  checkStrippable(model, insertions);
  const recorded = lastRecord(model.file);
  if (!recorded) throw rewritten(model);
  const { undo, sample, sha256: whole, opening = [] } = recorded.manifest;
  let source = withoutLast(model.file, recorded);
  for (const step of opening) source = undone(source, step, atEnd(source), opener(model.file));
  const differs = async (digest: string | null | undefined, of: () => Source) =>
    typeof digest === "string" && (await sha256(of())) !== digest;
  if ((await differs(sample, () => sampled(source, undo))) || (await differs(whole, () => source)))
    throw undo.beside === undefined
      ? rewritten(model)
      : altered(model.file.source, { name: undo.beside });
  return {
    model: withCopiesBack(
      modelOf({ source, folder: model.folder }),
      relocations(model.file.source, undo),
    ),
    checked: whole !== null ? "whole" : sample ? "sample" : null,
    beside: undo.beside ?? null,
  };
}

/** Throws an InputError if a model has nothing to strip, or cannot be stripped. */
function checkStrippable(model: Model, all: readonly (Manifest | null)[]): void {
  const { name } = model.file.source;
  if (all.length === 0)
    throw new InputError(
      foldedSentence(name, model.metadata, "strip") ??
        `${name} is not laurelized, so there is nothing to remove.`,
    );
  const fed = parameterNames(all).find((each) =>
    model.graph.main.inputs.some((input) => input.name === each),
  );
  if (fed !== undefined)
    throw new InputError(
      `${name} takes its LAuReL weights as inputs (${fed} is one); strip the model it was made from.`,
    );
  const trained = all.at(-1)?.trained ?? [];
  if (trained.length > 0)
    throw new InputError(
      `training changed its old weights: ${name} lists ${listed(trained, 5)}, whose original values it does not contain; use the original file, or the laurelized one from before training.`,
    );
}

const rewritten = ({ file: { source } }: Model) =>
  new InputError(
    `${source.name} was rewritten by another tool, or training changed its old weights; strip the file that laurelize wrote.`,
  );

/** The last manifest in a model's metadata, and its place at the end of the file. */
export interface Recorded {
  readonly manifest: Manifest;
  readonly tail: Range;
}

/** Returns a file's last manifest; null if it cannot be read, or is not at the end. */
export function lastRecord(file: ModelFile): Recorded | null {
  const insertions = manifests(metadataOf(file));
  const manifest = insertions.at(-1);
  const entry = file.message.metadata.find(({ key }) => key === manifestKey(insertions.length - 1));
  const end = file.source.size;
  return manifest && entry?.frame.end === end
    ? { manifest, tail: { start: entry.frame.at, end } }
    : null;
}

/**
 * Returns the bytes of a file before its last laurelization, without undoing what was lowered for
 * it. Throws an InputError if the record does not fit the file.
 */
export const withoutLast = (file: ModelFile, { manifest, tail }: Recorded): Source =>
  undone(file.source, manifest.undo, tail, opener(file));

/** Returns how the original's file is opened, which lies in the model's folder. */
const opener =
  ({ source, folder }: ModelFile) =>
  (file: string): Source => {
    if (folder) return folder.open(file);
    throw new InputError(`${source.name} refers to weights in ${file}; open it by its path.`);
  };

const atEnd = ({ size }: Source): Range => ({ start: size, end: size });

/**
 * Returns the model, whose data files are copied back under their former names when it is saved.
 * Each name is a location in the model, so it is checked to stay in the model's folder.
 */
function withCopiesBack(model: Model, former: ReadonlyMap<string, string>): Model {
  const { folder } = model;
  if (!folder || former.size === 0) return model;
  const moved = (copies: ReadonlyMap<string, string>) =>
    modelOf({ source: model.source, folder: folderAfter(folder, { copies }, null) });
  const needed = new Set(moved(former).dataFiles);
  return moved(new Map([...former].filter(([, before]) => needed.has(before))));
}

/**
 * Whether it is known which old weights of a laurelized model were trained: the metadata lists
 * them, or the file still contains its original, according to the SHA-256.
 */
export async function knowsTrained(model: Model): Promise<boolean> {
  const last = manifests(model.metadata).at(-1);
  if (last === undefined || last?.trained) return true;
  const stripped = await strippable(model);
  return stripped?.checked ? knowsTrained(stripped.model) : false;
}

/** Strips a model; returns null if that is not possible. */
export const strippable = (model: Model): Promise<Stripped | null> =>
  strip(model).catch((error) => {
    if (error instanceof InputError) return null;
    throw error;
  });
