import { checkArgument, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { placeSensitive } from "../../src/graph/linkable.ts";
import { checkSize, patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { allTensors } from "../../src/onnx/all-tensors.ts";
import { byteLength, isExternal } from "../../src/onnx/external.ts";
import type { TensorMessage } from "../../src/onnx/messages.ts";
import { type Folder, type ModelFile, tensorBytes } from "../../src/onnx/model-file.ts";
import type { Source } from "../../src/onnx/source.ts";
import type { NewValues } from "../../src/onnx/tensor-edits.ts";

/** Bytes below which a weight stays in the model. */
const LEAST = 1024;
/** Weights begin at multiples of this. */
const ALIGNED = 64;

/**
 * Cuts the weights of a model's main graph into data files of at most `size` bytes, which are
 * written when it is saved. Their names are those that transformers.js looks for beside `file`:
 * `<file>_data`, `<file>_data_1`, …. A weight is never cut: a larger one has a file of its own.
 * Weights of bodies stay inside, because onnxruntime-web finds data of the main graph alone. Throws
 * an InputError if no weight is large enough.
 */
export function splitModel(model: Model, file: string, size: number): Model {
  checkModel("splitModel", model);
  checkArgument("splitModel", file, typeof file === "string" && file !== "", "a file name");
  checkArgument("splitModel", size, Number.isSafeInteger(size) && size > 0, "a number of bytes");
  const outside = movable(model);
  if (outside.size === 0)
    throw new InputError(
      `${model.source.name} has no weight of at least ${LEAST} bytes to store in another file; leave out --split.`,
    );
  const pieces = piecesOf(outside, size);
  const named = new Map<string, Piece>(
    pieces.map((piece, k) => [`${file}_data${k > 0 ? `_${k}` : ""}`, piece] as const),
  );
  const inside = [...allTensors(model.file)]
    .filter((tensor) => isExternal(tensor) && !outside.has(tensor))
    .map((tensor): NewValues => ({ tensor, to: tensorBytes(model.file, tensor).slice() }));
  const moved = [...named].flatMap(([location, { tensors }]) =>
    tensors.map(({ tensor, ...range }): NewValues => ({ tensor, to: { location, ...range } })),
  );
  const { source } = patchedBytes(model.file, { values: [...inside, ...moved] });
  checkSize(model.source, source.size);
  const folder: Folder = {
    path: null,
    copies: new Map([...named.keys()].map((name) => [name, name])),
    open: (name) => pieceSource(model.file, name, named.get(name)!),
  };
  return modelOf({ source, folder });
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

/** A data file over the weights that are in it; one of them at a time is in memory. */
function pieceSource(file: ModelFile, name: string, { length: size, tensors }: Piece): Source {
  let last: { readonly of: TensorMessage; readonly bytes: Uint8Array } | null = null;
  const bytesOf = (tensor: TensorMessage) => {
    if (last?.of !== tensor) last = { of: tensor, bytes: tensorBytes(file, tensor) };
    return last.bytes;
  };
  return {
    name,
    size,
    read(start, end) {
      const bytes = new Uint8Array(end - start);
      for (const { tensor, offset, length } of tensors) {
        const [from, to] = [Math.max(start, offset), Math.min(end, offset + length)];
        if (from < to)
          bytes.set(bytesOf(tensor).subarray(from - offset, to - offset), from - start);
      }
      return bytes;
    },
  };
}
