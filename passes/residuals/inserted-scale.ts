import { dataOf, numbersOf, tensorOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { decodeNumbers, roundoff } from "../../src/graph/tensor.ts";
import { behind } from "../../src/graph/walk.ts";
import { dataType, elements, isFloat } from "../../src/onnx/dtypes.ts";
import { computedCount, factorsOf } from "./operators.ts";
import type { KnownValues } from "./residual.ts";
import { normedOf } from "./written-out.ts";

/** A value times constants. */
export interface Scaled {
  readonly x: Value;
  readonly factor: Value;
  /** Whether it has LAuReL's own form: a BatchNormalization that only multiplies. */
  readonly exact: boolean;
}

/** Whether a node renames, casts or quantizes a value. */
export const isBare = ({ op }: Node): boolean =>
  op === "Identity" || op === "Cast" || hasFact(op, "quantizer");

/** Returns the value before it was renamed, cast or quantized. */
export const bare = (value: Value): Value => behind(value, isBare);

/** Returns what a Mul, or a BatchNormalization that only scales, multiplies; null for another value. */
export function scaledOf(facts: KnownValues, value: Value): Scaled | null {
  const node = bare(value).producer;
  if (!node) return null;
  if (inFloats(node.op) === "Mul") {
    const isConstant = (input: Value | null) => input !== null && facts.constants.has(input);
    const factor = factorsOf(node).find(isConstant);
    const other = factorsOf(node).find((input) => !isConstant(input));
    return factor && other ? { x: other, factor, exact: false } : null;
  }
  if (node.op !== "BatchNormalization") return null;
  const [x, scale, shift, mean, variance] = node.inputs;
  if (!x || !scale) return null;
  const filled = (input: Value | null, wanted: number) =>
    numbers(input)?.every((number) => number === wanted) ?? false;
  const plain = filled(shift, 0) && filled(mean, 0) && filled(variance, 1);
  const epsilon = attribute(node, "epsilon")?.f;
  return plain && epsilon === 0 ? { x, factor: scale, exact: true } : null;
}

/** Whether a multiple may be PA's γ x: by one number, not by one for each feature. */
export function isScaling({ factor, exact }: Scaled): boolean {
  const gamma = numbers(factor);
  const one = tensorOf(factor)?.dims.every((dim) => dim === 1) ?? factor.producer?.op === "Gather";
  return exact ? (gamma?.every((number) => number === gamma[0]) ?? true) : one;
}

/** Rounding of folded factors, in half precision too. */
const NEAR = 1e-2;

/**
 * Returns a key of the weights if terms are weighted as by RW's α and β; otherwise null. The key is
 * "" if one Softmax or Sigmoid computes them. Stored weights must add up to 2 or, without
 * normalization, be two different numbers of about 1; their key is the numbers. Numbers that a
 * person seems to have written do not count.
 */
export function weightsOf(facts: KnownValues, terms: readonly (Scaled | null)[]): string | null {
  if (terms.length < 2 || terms.includes(null)) return null;
  const factors = terms.map((term) => term!.factor);
  const origins = factors.map(originOf);
  if (origins.every((origin) => origin !== null && origin === origins[0])) return "";
  if (terms.some((term) => isNorm(facts, term!)) || factors.some(isOneOfAxes)) return null;
  const unlike = new Map(factors.map(numbers).map((read) => [read?.join(), read]));
  const [a, b] = [...unlike.values()];
  const unit = Math.max(...factors.map((factor) => roundoff(facts.types.get(factor)?.dtype ?? "")));
  if ([...(a ?? []), ...(b ?? [])].every((number) => isWritten(number, unit))) return null;
  const [same, two] = [unlike.size === 1, unlike.size === 2];
  const isPair = a != null && ((same && pairs(a, a)) || (two && b != null && pairs(a, b)));
  return isPair ? [...unlike.keys()].join(" ") : null;
}

/** Whether a factor is one number with several axes, as a mask is and α and β are not. */
const isOneOfAxes = (factor: Value) => {
  const { dims } = tensorOf(factor) ?? { dims: [] };
  return dims.length > 1 && dims.every((dim) => dim === 1);
};

/** Whether a multiple is a decomposed norm: its factor is the norm's scale. */
function isNorm(facts: KnownValues, { x, exact }: Scaled): boolean {
  const at = bare(x);
  const { producer: node } = at;
  if (exact || (node?.op !== "Mul" && node?.op !== "Div")) return false;
  return computedCount(facts.constants, node) > 1 && normedOf(facts, at) !== null;
}

/** Whether a person wrote the number, as in 1.5 x + 0.5 f: training leaves more than two digits. */
const isWritten = (number: number, unit: number) =>
  number !== 1 && Math.abs(Number(number.toPrecision(2)) - number) < Math.max(1e-6, unit);

/** Whether factors add up to 2, or differ and are about 1, as unnormalized ones after some training. */
function pairs(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  if (a.every((v, k) => Math.abs(v + b[k] - 2) < NEAR)) return true;
  return a.some((v, k) => v !== b[k]) && [...a, ...b].every((v) => v > 0.5 && v < 2);
}

/** Returns the Softmax or Sigmoid that computes a factor from constants. */
function originOf(factor: Value): Value | null {
  let at: Value | null = factor;
  for (let hop = 0; at && hop < 8; hop++) {
    const node: Value["producer"] = at.producer;
    if (!node) return null;
    if (node.op === "Softmax" || node.op === "Sigmoid") return at;
    at = node.inputs.find((input) => input?.producer && !tensorOf(input)) ?? null;
  }
  return null;
}

/** Number of elements above which a factor is not read. */
const MOST = 65_536;

/** Returns the numbers of a stored constant; null if it must be computed. */
function numbers(value: Value | null | undefined): readonly number[] | null {
  const tensor = tensorOf(value);
  const type = tensor && dataType(tensor.dataType)?.name;
  if (!tensor || !type || !isFloat(type)) return numbersOf(value);
  if (elements(tensor.dims) > MOST) return null;
  return [...decodeNumbers(type, dataOf(value)!)];
}
