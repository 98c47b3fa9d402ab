import { uniform } from "../../src/graph/random.ts";
import { typeOfTensor } from "../../src/graph/types.ts";
import type { Model } from "../../src/model.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { byteLength } from "../../src/onnx/external.ts";
import { type ModelFile, tensorBytes } from "../../src/onnx/model-file.ts";
import { withOtherWeights } from "../../src/ort/loading.ts";

/** Elements of the smallest weight that is changed: fewer are factors and bounds. */
const LEAST = 16;

/** The model with half of the last bits in its float weights flipped, seeded by their names. */
export function withNudgedWeights({ graph, file }: Model): ModelFile {
  const nudged = new Map<string, Uint8Array>();
  for (const value of graph.main.values.values()) {
    const { initializer, name } = value;
    const dtype = typeOfTensor(value)?.dtype ?? "";
    const type = dataTypeNamed(dtype);
    if (!initializer || !("dataType" in initializer) || !type?.float) continue;
    const size = type.bits / 8;
    if ((byteLength(initializer) ?? 0) < LEAST * size) continue;
    const bytes = tensorBytes(file, initializer).slice();
    const next = uniform(0, name);
    for (let at = 0; at < bytes.length; at += size)
      if (next() < 0.5 && hasFinite(bytes, at + size, dtype)) bytes[at] ^= 1;
    nudged.set(name, bytes);
  }
  return withOtherWeights(graph, nudged);
}

/** Whether the number that ends at a byte has an exponent of not all ones. */
function hasFinite(bytes: Uint8Array, end: number, dtype: string): boolean {
  const [high, low] = [bytes[end - 1] & 0x7f, bytes[end - 2]];
  if (dtype === "float16") return (high & 0x7c) !== 0x7c;
  return high !== 0x7f || (low & (dtype === "double" ? 0xf0 : 0x80)) === 0;
}
