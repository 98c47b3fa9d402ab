import { checkArgument, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { allTensors } from "../../src/onnx/all-tensors.ts";
import { byteLength, isExternal } from "../../src/onnx/external.ts";
import type { TensorMessage } from "../../src/onnx/messages.ts";
import { tensorBytes } from "../../src/onnx/model-file.ts";
import { placeSensitive } from "../../src/onnx/place-sensitive.ts";
import type { NewValues } from "../../src/onnx/tensor-edits.ts";

/** A model whose weights lie in several files. */
export interface SplitModel {
  readonly model: Model;
  /** The data files by name, to be written beside the model. */
  readonly data: ReadonlyMap<string, Uint8Array>;
}

/** Bytes below which a weight stays in the model. */
const LEAST = 1024;
/** Weights begin at multiples of this. */
const ALIGNED = 64;

/**
 * Cuts the weights of a model's main graph into data files of at most `size` bytes, named as
 * transformers.js looks for them: `<file>_data`, `<file>_data_1`, …. A weight is never cut: a
 * larger one has a file of its own. Weights of bodies stay inside, because onnxruntime-web finds
 * data of the main graph alone.
 */
export function splitModel(model: Model, file: string, size: number): SplitModel {
  checkModel("splitModel", model);
  checkArgument("splitModel", file, typeof file === "string" && file !== "", "a file name");
  checkArgument("splitModel", size, Number.isSafeInteger(size) && size > 0, "a number of bytes");
  const outside = movable(model);
  const pieces = piecesOf(outside, size);
  const data = new Map<string, Uint8Array>();
  const values: NewValues[] = [...allTensors(model.file)]
    .filter((tensor) => isExternal(tensor) && !outside.has(tensor))
    .map((tensor) => ({ tensor, to: tensorBytes(model.file, tensor).slice() }));
  for (const [k, piece] of pieces.entries()) {
    const location = `${file}_data${k > 0 ? `_${k}` : ""}`;
    const bytes = new Uint8Array(piece.length);
    for (const { tensor, offset, length } of piece.tensors) {
      bytes.set(tensorBytes(model.file, tensor), offset);
      values.push({ tensor, to: { location, offset, length } });
    }
    data.set(location, bytes);
  }
  if (data.size === 0)
    throw new InputError(
      `${model.source.name} has no weight of ${LEAST} bytes that could lie in a file of its own; it needs no --split.`,
    );
  return { model: modelOf(patchedBytes(model.file, { values }), null), data };
}

/** Weights of the main graph that may lie in a data file, and their bytes. */
function movable({ file }: Model): ReadonlyMap<TensorMessage, number> {
  const fixed = placeSensitive(file);
  const tensors = file.graph.initializers.filter(({ name }) => !fixed.has(name));
  return new Map(
    tensors.flatMap((tensor): [TensorMessage, number][] => {
      const length = byteLength(tensor);
      const inFile = tensor.raw !== null || isExternal(tensor);
      return inFile && length !== null && length >= LEAST ? [[tensor, length]] : [];
    }),
  );
}

/** A data file: its weights and its length. */
interface Piece {
  length: number;
  readonly tensors: { tensor: TensorMessage; offset: number; length: number }[];
}

function piecesOf(tensors: ReadonlyMap<TensorMessage, number>, size: number): Piece[] {
  const pieces: Piece[] = [];
  for (const [tensor, length] of tensors) {
    const last = pieces.at(-1);
    const offset = last ? Math.ceil(last.length / ALIGNED) * ALIGNED : 0;
    if (last && offset + length <= size) {
      last.tensors.push({ tensor, offset, length });
      last.length = offset + length;
    } else pieces.push({ length, tensors: [{ tensor, offset: 0, length }] });
  }
  return pieces;
}
