import { InputError } from "../../src/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { bytesSource } from "../../src/onnx/source.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../../src/ort/tensors.ts";

/**
 * Reads the tensors and texts of a .safetensors file, which errors call `name`. Throws an InputError
 * if it is not one, or if onnxruntime's JavaScript API does not have the type of a tensor.
 */
export function readTensors(
  ort: Ort,
  bytes: Uint8Array,
  name: string,
): { readonly tensors: Tensors; readonly metadata: ReadonlyMap<string, string> } {
  const { tensors, metadata } = readSafetensors(bytesSource(bytes, name));
  const other = tensors.find(({ dtype }) => !dataTypeNamed(dtype)?.ort);
  if (other)
    throw new InputError(
      `${name} has ${other.dtype} tensors (${other.name}), which onnxruntime's JavaScript API does not have; give a file that laurelize has written.`,
    );
  const read = tensors.map(({ name, dtype, dims, range }) => [
    name,
    tensorOfBytes(ort, dtype, bytes.subarray(range.start, range.end), dims),
  ]);
  return { tensors: Object.fromEntries(read), metadata };
}

/** Returns tensors, and vectors of numbers or bytes, as a .safetensors file. */
export const writeTensors = (
  tensors: Readonly<Record<string, Float32Array | Uint8Array | Tensors[string]>>,
  metadata: ReadonlyMap<string, string> = new Map(),
) =>
  writeSafetensors(
    Object.entries(tensors).map(([name, tensor]) =>
      ArrayBuffer.isView(tensor)
        ? {
            name,
            dtype: tensor instanceof Float32Array ? "float" : "uint8",
            dims: [tensor.length],
            data: new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength),
          }
        : { name, dtype: dtypeOf(tensor), dims: tensor.dims, data: bytesOfTensor(tensor) },
    ),
    metadata,
  );
