import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/onnx/source.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../../src/ort/tensors.ts";

/** Reads tensors and texts that another program sends as a .safetensors file. */
export function readTensors(
  ort: Ort,
  bytes: Uint8Array,
): { readonly tensors: Tensors; readonly metadata: ReadonlyMap<string, string> } {
  const { tensors, metadata } = readSafetensors(bytesSource(bytes, "the request"));
  const read = tensors.map(({ name, dtype, dims, range }) => [
    name,
    tensorOfBytes(ort, dtype, bytes.subarray(range.start, range.end), dims),
  ]);
  return { tensors: Object.fromEntries(read), metadata };
}

/** Returns tensors and vectors as a .safetensors file. */
export const writeTensors = (tensors: Readonly<Record<string, Float32Array | Tensors[string]>>) =>
  writeSafetensors(
    Object.entries(tensors).map(([name, tensor]) =>
      tensor instanceof Float32Array
        ? { name, dtype: "float", dims: [tensor.length], data: bytesOf(tensor) }
        : { name, dtype: dtypeOf(tensor), dims: tensor.dims, data: bytesOfTensor(tensor) },
    ),
    new Map(),
  );

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
