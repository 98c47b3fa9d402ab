import { equalBytes } from "../onnx/bytes.ts";
import { externalRange, isExternal } from "../onnx/external.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { tensorOf } from "./constants.ts";
import type { Graph, Value } from "./graph.ts";

/** Number of bytes at each end that are compared first. */
const ENDS = 64;

/**
 * Numbers weights so that equal ones have the same number: the same value, the same range of a data
 * file, or equal bytes. Reads only those as a whole that agree in type, shape and both ends.
 */
export class SameWeights {
  readonly #file: ModelFile;
  readonly #numbers = new Map<Value, number>();
  readonly #firsts = new Map<string, Value[]>();

  constructor({ file }: Graph) {
    this.#file = file;
  }

  numberOf(value: Value): number {
    const number = this.#numbers.get(value) ?? this.#find(value);
    this.#numbers.set(value, number);
    return number;
  }

  #find(value: Value): number {
    const own = this.#numbers.size;
    const tensor = tensorOf(value);
    if (!tensor) return own;
    const key = this.#key(tensor);
    const firsts = this.#firsts.get(key) ?? [];
    this.#firsts.set(key, firsts);
    const first = firsts.find((other) => this.#equal(tensorOf(other)!, tensor));
    if (first) return this.#numbers.get(first)!;
    firsts.push(value);
    return own;
  }

  #key(tensor: TensorMessage): string {
    const type = `${tensor.dataType} ${tensor.dims}`;
    if (isExternal(tensor)) return `${type} ${JSON.stringify(externalRange("", tensor))}`;
    const { raw } = tensor;
    if (!raw) return type;
    const { start, end } = raw;
    const ends = [
      this.#read(start, Math.min(end, start + ENDS)),
      this.#read(Math.max(start, end - ENDS), end),
    ];
    return `${type} ${ends.map((bytes) => bytes.join()).join(" ")}`;
  }

  #equal(a: TensorMessage, b: TensorMessage): boolean {
    if (isExternal(a) && isExternal(b)) return true;
    if (a.raw && b.raw) return equalRanges(this.#file, a.raw, this.#file, b.raw);
    return equalBytes(tensorBytes(this.#file, a), tensorBytes(this.#file, b));
  }

  #read = (start: number, end: number) => this.#file.source.read(start, end);
}
