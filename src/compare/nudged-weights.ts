import { buildGraph } from "../graph/build.ts";
import { dataOf, tensorOf, typeOfTensor } from "../graph/constants.ts";
import { uniform } from "../graph/random.ts";
import { dataTypeNamed } from "../onnx/dtypes.ts";
import { byteLength } from "../onnx/external.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { runnable, withOtherWeights } from "../ort/loading.ts";
import type { Ort, Runnable, Tensors } from "../ort/session.ts";
import { type Baseline, baselineOf } from "./outputs.ts";

/** Minimum number of elements of a weight that is changed. Smaller ones are factors and bounds. */
const LEAST = 16;
/** Maximum number of bytes that are changed, because they are held in memory. */
const MOST = 1 << 28;

/** The model with half of the last bits in its float weights flipped, seeded by their names. */
function withNudgedWeights(file: ModelFile): ModelFile {
  const graph = buildGraph(file);
  const nudged = new Map<string, Uint8Array>();
  let room = MOST;
  for (const value of graph.main.values.values()) {
    const tensor = tensorOf(value);
    const dtype = typeOfTensor(value)?.dtype ?? "";
    const type = dataTypeNamed(dtype);
    const length = (tensor && byteLength(tensor)) ?? 0;
    if (!type?.float || length < (LEAST * type.bits) / 8 || length > room) continue;
    room -= length;
    const bytes = dataOf(value)!.slice();
    flipLastBits(bytes, dtype, type.bits / 8, uniform(0, value.name));
    nudged.set(value.name, bytes);
  }
  return withOtherWeights(graph, nudged);
}

/** How a file is loaded for its baseline, and its outputs with optimizations disabled, if known. */
interface BaselineOptions extends Partial<Pick<Baseline, "plain">> {
  readonly load?: (file: ModelFile) => Runnable;
}

/** Returns a file's baseline, whose noise can be measured by flipping last bits of its weights. */
export const nudgedBaseline = (
  ort: Ort,
  file: ModelFile,
  feeds: readonly Tensors[],
  { load = runnable, plain }: BaselineOptions = {},
): Promise<Baseline> =>
  baselineOf(ort, load(file), feeds, { plain, nudged: () => load(withNudgedWeights(file)) });

function flipLastBits(bytes: Uint8Array, dtype: string, size: number, next: () => number): void {
  for (let at = 0; at < bytes.length; at += size)
    if (next() < 0.5 && hasFinite(bytes, at + size, dtype)) bytes[at] ^= 1;
}

/** Whether the number that ends at a byte has an exponent of not all ones. */
function hasFinite(bytes: Uint8Array, end: number, dtype: string): boolean {
  const [high, low] = [bytes[end - 1] & 0x7f, bytes[end - 2]];
  if (dtype === "float16") return (high & 0x7c) !== 0x7c;
  return high !== 0x7f || (low & (dtype === "double" ? 0xf0 : 0x80)) === 0;
}
