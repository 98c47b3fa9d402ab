import { checkArgument, checkGiven, flag } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { showShape } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { Declared } from "../../src/options.ts";
import { type Adapter, checkAdapter } from "./adapter.ts";
import { difference } from "./same-laurelization.ts";

/** How adapters are averaged. */
export interface AverageOptions {
  /** Whether every adapter counts the same, even if each states its number of examples. */
  readonly equal?: boolean | undefined;
}

const averageOptions: Declared<AverageOptions> = { equal: flag };

/**
 * Returns the mean of adapters of one model, tensor by tensor in float64, rounded once. If each says
 * how many examples it was trained on, these are the weights, as in federated averaging. Throws an
 * InputError if the adapters do not belong together.
 */
export function averageAdapters(
  adapters: readonly Adapter[],
  options: AverageOptions = {},
): Adapter {
  checkGiven("averageAdapters", options, averageOptions);
  checkAdapters("averageAdapters", adapters);
  const weights = averageWeights(adapters, options);
  const examples = adapters.reduce((sum, each) => sum + (each.examples ?? Number.NaN), 0);
  const combined = combineAdapters(adapters, weights);
  return Number.isNaN(examples) ? combined : { ...combined, examples };
}

/** Returns the weights of a mean: shares of examples if all adapters count theirs, else equal ones. */
export function averageWeights(
  adapters: readonly Adapter[],
  options: AverageOptions = {},
): number[] {
  checkAdapters("averageWeights", adapters);
  checkGiven("averageWeights", options, averageOptions);
  const { equal = false } = options;
  const counts = adapters.map(({ examples }) => examples);
  const known = !equal && counts.every((count) => count !== undefined);
  const parts = known ? (counts as number[]) : counts.map(() => 1);
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

/**
 * Returns the weighted sum of adapters of one model, tensor by tensor in float64, rounded once. The
 * weights need not add up to 1, as those of a mean do. Throws an InputError if the adapters do not
 * belong together, or if the result is not finite.
 */
export function combineAdapters(adapters: readonly Adapter[], weights: readonly number[]): Adapter {
  checkAdapters("combineAdapters", adapters);
  const isNumbers =
    Array.isArray(weights) && weights.length === adapters.length && weights.every(Number.isFinite);
  checkArgument("combineAdapters", weights, isNumbers, "a finite number for each adapter");
  const [first, ...others] = adapters;
  for (const other of others) checkTogether(first, other);
  const tensors = first.tensors.map((tensor) => {
    const same = adapters.map((each) => each.tensors.find(({ name }) => name === tensor.name)!);
    return weightedSum(same, weights);
  });
  const { name, laurelizations, tuning } = first;
  return { name, laurelizations, tuning, tensors };
}

function checkAdapters(of: string, adapters: readonly Adapter[]): void {
  const isList = Array.isArray(adapters) && adapters.length > 0;
  checkArgument(of, adapters, isList, "an array of adapters");
  for (const each of adapters) checkAdapter(of, each);
}

/** Throws an InputError if two adapters are not of one model, or do not hold the same tensors. */
function checkTogether(a: Adapter, b: Adapter): void {
  const refuse = (why: string) =>
    new InputError(
      `${b.name} and ${a.name} cannot be combined: ${why}; give adapters of the same model with the same LAuReL.`,
    );
  if (a.laurelizations.length !== b.laurelizations.length)
    throw refuse("their models were laurelized a different number of times");
  for (const [n, one] of a.laurelizations.entries()) {
    const misfit = difference(one, b.laurelizations[n], n === 0);
    if (misfit) throw refuse(`the model of ${a.name} ${misfit}`);
  }
  const [ours, other] = [a, b].map(({ tuning }) => tuning ?? null);
  if (ours?.sha256 !== other?.sha256)
    throw refuse("the SHA-256 of the models they were made from differ");
  if (`${ours?.head?.layer}` !== `${other?.head?.layer}` || ours?.head?.seed !== other?.head?.seed)
    throw refuse("their models have different new last layers");
  const [mine, theirs] = [a, b].map(({ tensors }) => new Map(tensors.map((t) => [t.name, t])));
  const missing = (from: string, name: string) =>
    refuse(`${from} does not have the tensor ${name}, which was trained in the other`);
  for (const name of theirs.keys()) if (!mine.has(name)) throw missing(a.name, name);
  for (const [name, { dtype, dims }] of mine) {
    const other = theirs.get(name);
    if (!other) throw missing(b.name, name);
    if (other.dtype !== dtype || other.dims.join() !== dims.join())
      throw refuse(
        `tensor ${name} is ${dtype} ${showShape(dims)} in one and ${other.dtype} ${showShape(other.dims)} in the other`,
      );
  }
}

function weightedSum(tensors: readonly DenseTensor[], weights: readonly number[]): DenseTensor {
  const [{ name, dtype, dims }] = tensors;
  const parts = tensors.map(({ data }, k) =>
    decodeNumbers(dtype, data).map((value) => value * weights[k]),
  );
  const sum = parts.reduce((sum, part) => sum.map((value, at) => value + part[at]));
  const data = encodeNumbers(dtype, sum);
  if (!decodeNumbers(dtype, data).every(Number.isFinite))
    throw new InputError(
      `tensor ${name} of the result has values that are not finite in ${dtype}; check the adapters and their weights.`,
    );
  return { name, dtype, dims, data };
}
