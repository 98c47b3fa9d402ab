import { entry, groupBy } from "../../src/entry.ts";
import { dataOf, dimsOf, numbersOf, tensorOf } from "../../src/graph/constants.ts";
import type { Use, Value } from "../../src/graph/graph.ts";
import type { NewTensor, Redirect } from "../../src/graph/patch-contents.ts";
import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { isExternal } from "../../src/onnx/external.ts";
import type { NewValues } from "../../src/onnx/tensor-edits.ts";
import { operandAt, type Plain } from "./absorb.ts";
import { editsOf, type FoldEdit, keyOf } from "./draft.ts";
import type { Factor } from "./factor.ts";
import { type Mix, mixed } from "./project.ts";

/** How weights are written. */
interface WrittenWeights {
  readonly values: NewValues[];
  readonly tensors: NewTensor[];
  readonly redirects: Redirect[];
  /** Weights that nothing reads any more. */
  readonly unread: Value[];
}

/** What happens to a weight as one slot reads it. */
interface Reading {
  readonly use: Use;
  readonly factors: Factor[];
  readonly mixes: Mix[];
}

/** Puts factors into weights: in place if all readers want the same, otherwise into copies. */
export function writeWeights(
  plain: Plain,
  edits: readonly FoldEdit[],
  mixes: readonly Mix[],
  { fresh, outside }: { fresh: (name: string) => string; outside: boolean },
): WrittenWeights {
  const to: WrittenWeights = { values: [], tensors: [], redirects: [], unread: [] };
  for (const [value, readings] of byWeight(plain, edits, mixes)) {
    const groups = groupBy(
      readings,
      ({ factors, mixes: own }) =>
        `${factors.map(({ axis, values }) => `${axis}:${values}`)} ${own.map(({ axis, terms }) => `${axis}${terms.map(({ B }) => B.name)}`)}`,
    );
    const everyReader = plain.readers.get(value) === readings.length && !value.isOutput;
    const tensor = tensorOf(value);
    const inPlace = groups.size === 1 && everyReader && tensor && !(outside && isExternal(tensor));
    for (const [first, ...others] of groups.values()) {
      const data = changed(plain, value, first);
      if (inPlace) to.values.push({ tensor, to: data.bytes });
      else {
        const name = fresh(`${value.name}.folded`);
        to.tensors.push({ name, dtype: data.dtype, dims: data.dims, data: data.bytes });
        for (const { use } of [first, ...others]) to.redirects.push({ use, name });
      }
    }
    if (!inPlace && everyReader) to.unread.push(value);
  }
  return to;
}

function byWeight(plain: Plain, edits: readonly FoldEdit[], mixes: readonly Mix[]) {
  const readings = new Map<string, Reading>();
  const reading = (use: Use): Reading =>
    entry(readings, keyOf(use), () => ({ use, factors: [], mixes: [] }));
  for (const { use, by } of editsOf(edits, "weight")) reading(use).factors.push(by);
  for (const mix of mixes) reading(mix.use).mixes.push(mix);
  return groupBy(readings.values(), ({ use }) => operandAt(plain, use)!);
}

/** The numbers of a weight as they are to be. Mixing comes first: factors stand behind it. */
function changed({ facts }: Plain, value: Value, { factors, mixes }: Reading) {
  const { dtype } = facts.types.get(value)!;
  const stored = dataOf(value);
  const literal = stored ? null : numbersOf(value)!;
  const dims =
    dimsOf(value) ??
    (value.producer?.message.attributes[0].name === "value_float" ? [] : [literal!.length]);
  let data = stored ? decodeNumbers(dtype, stored) : Float64Array.from(literal!);
  for (const mix of mixes) data = mixed(data, dims, mix);
  for (const factor of factors) multiply(data, dims, factor);
  return { dtype, dims, bytes: encodeNumbers(dtype, data) };
}

/** Multiplies a tensor in place. */
export function multiply(
  data: Float64Array,
  dims: readonly number[],
  { axis, values }: Factor,
): void {
  if (axis === null) {
    for (let k = 0; k < data.length; k++) data[k] *= values[0];
    return;
  }
  const inner = elements(dims.slice(axis + 1));
  for (let k = 0; k < data.length; k++) data[k] *= values[Math.floor(k / inner) % dims[axis]];
}
