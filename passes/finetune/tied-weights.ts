import { dataOf, tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Value } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import { equalBytes } from "../../src/onnx/bytes.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { floatWeights, furtherWeights } from "../adapter/trainable.ts";

/** A weight and the copy of it that an exporter made. */
export interface Tied {
  readonly weight: string;
  readonly copy: string;
  readonly transposed: boolean;
  readonly isTrained: boolean;
}

/** Fewer equal elements than this do not show a tied weight: biases of zeros are all equal. */
const SMALLEST = 256;

/**
 * Finds copies of weights that only a glob of `train` names: others that hold the same numbers, as
 * they are or transposed. Exporters make such copies of tied weights, as of an embedding and a head.
 * Each pair is listed once. Reads only weights whose sizes agree.
 */
export function tiedWeights(model: Model, train: readonly string[] = []): Tied[] {
  const { graph } = model;
  const named = furtherWeights(model, train);
  const trained = new Set(named);
  const floats = floatWeights(model);
  const pairs: Tied[] = [];
  for (const weight of named) {
    const value = graph.main.values.get(weight)!;
    const copies = floats.filter((other) => other !== value && sizesAgree(value, other));
    if (copies.length === 0) continue;
    const numbers = dataOf(value)!;
    // Neither is a weight whose elements are all the same.
    if (!isVaried(numbers, elements(dims(value)))) continue;
    for (const copy of copies) {
      if (pairs.some((pair) => pair.weight === copy.name && pair.copy === weight)) continue;
      const data = dataOf(copy)!;
      const isEqual = `${dims(value)}` === `${dims(copy)}` && equalBytes(numbers, data);
      if (isEqual || isTranspose(numbers, data, dims(value), dims(copy)))
        pairs.push({
          weight,
          copy: copy.name,
          transposed: !isEqual,
          isTrained: trained.has(copy.name),
        });
    }
  }
  return pairs;
}

/** A weight that several nodes read. */
export interface Merged {
  readonly weight: string;
  readonly readers: number;
}

/**
 * Finds weights that only a glob of `train` names, whose elements are all the same and that several
 * nodes read. Exporters merge equal weights this way, such as biases of zeros.
 */
export function mergedWeights(model: Model, train: readonly string[] = []): Merged[] {
  return furtherWeights(model, train).flatMap((weight) => {
    const value = model.graph.main.values.get(weight)!;
    const [readers, count] = [value.uses.length, elements(dims(value))];
    const isMerged = readers > 1 && count > 1 && !isVaried(dataOf(value)!, count);
    return isMerged ? [{ weight, readers }] : [];
  });
}

const dims = (value: Value) => tensorOf(value)!.dims;

const sizesAgree = (a: Value, b: Value): boolean =>
  elements(dims(a)) >= SMALLEST &&
  typeOfTensor(a)?.dtype === typeOfTensor(b)?.dtype &&
  (`${dims(a)}` === `${dims(b)}` || areTurned(dims(a), dims(b)));

const areTurned = (a: readonly number[], b: readonly number[]) =>
  a.length === 2 && `${a}` === `${b.toReversed()}`;

function isTranspose(
  a: Uint8Array,
  b: Uint8Array,
  dims: readonly number[],
  turned: readonly number[],
): boolean {
  if (!areTurned(dims, turned)) return false;
  const [rows, columns] = dims;
  const width = a.length / (rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      for (let k = 0; k < width; k++)
        if (a[(row * columns + column) * width + k] !== b[(column * rows + row) * width + k])
          return false;
  return true;
}

/** Whether not all elements are the same. */
const isVaried = (bytes: Uint8Array, count: number) => {
  const width = bytes.length / count;
  return bytes.some((byte, k) => byte !== bytes[k % width]);
};
