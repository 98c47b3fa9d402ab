import { dataOf, dimsOf, typeOfTensor } from "../../src/graph/constants.ts";
import { outputsOf, type Use, type Value } from "../../src/graph/graph.ts";
import { hasFact, operandsThat } from "../../src/graph/operators.ts";
import { decodeNumbers, roundoff } from "../../src/graph/tensor.ts";
import { walk } from "../../src/graph/walk.ts";
import { concat } from "../../src/onnx/bytes.ts";
import { dataTypeNamed, elements } from "../../src/onnx/dtypes.ts";
import { notedParameters } from "./noted-parameters.ts";

/** Names that torch.onnx.export makes up for a weight that it has turned or folded. */
export const MADE_UP = /^(onnx::|val_\d+$)/;

/** Names of constants that the code states where it needs them. */
const STATED = /(^|\/)Constant(_\d+)?_output_\d+$/;

/**
 * Whether a float constant is a parameter, as PyTorch calls what its optimizers are given. Running
 * statistics, scales of quantizations, masks, tables of positions and numbers of the model's code
 * are not, nor is what an exporter has computed for each row of its batch.
 */
export function isParameter(value: Value): boolean {
  const { name, uses, producer } = value;
  const rank = dimsOf(value)!.length;
  const noted = notedParameters(value.scope.file, name);
  // Some are parameters that are never trained, as Whisper's positions.
  if (isPositionTable(value, noted !== null && noted.length > 0)) return false;
  if (noted) return noted.includes(name) || (noted.length > 0 && !isCopied(value));
  const read = usesOf(value);
  if (read.length > 0 && read.every(isSetting)) return false;
  if (isMask(value) || isCopied(value)) return false;
  if (!MADE_UP.test(name) && !STATED.test(name)) return rank > 0 || producer === null;
  const weighs = uses.some(
    ({ node, index }) => node.callee !== null || operandsThat(node.op, "weights")?.includes(index),
  );
  if (rank === 0) return false;
  // The scale and bias of a norm that has none, for instance.
  if (STATED.test(name)) return weighs && new Set(numbersOf(value)).size > 1;
  return weighs || looksLearned(value) || scalesNorm(value);
}

/** Whether a constant is the scale or bias that torch.onnx.export writes behind a GroupNorm. */
const scalesNorm = ({ uses }: Value): boolean =>
  uses.some(({ node }) => node.inputs.some((input) => isNormalized(input, STEPS)));

/** Operators before the bias of a GroupNorm: its normalization, Reshape and Mul. */
const STEPS = 3;

function isNormalized(value: Value | null, steps: number): boolean {
  const node = value?.producer;
  if (!node || steps === 0) return false;
  const isBetween = node.op === "Mul" || hasFact(node.op, "reshapes");
  return (
    hasFact(node.op, "norm") || (isBetween && node.inputs.some((x) => isNormalized(x, steps - 1)))
  );
}

/** A number below all weights: added to a score, it hides a position. */
const HIDDEN = -1e4;

/** Whether a constant hides positions: each of its numbers is 0 or below all weights. */
function isMask(value: Value): boolean {
  const { dtype } = typeOfTensor(value)!;
  const data = dataOf(value)!;
  const hides = (bytes: Uint8Array) =>
    decodeNumbers(dtype, bytes).every((number) => number === 0 || number <= HIDDEN);
  // The first row of most weights already shows that they are not masks.
  const row = data.subarray(0, (FEW * dataTypeNamed(dtype)!.bits) / 8);
  return hides(row) && hides(data) && decodeNumbers(dtype, data).some((number) => number !== 0);
}

/** Numbers that are looked at before all. */
const FEW = 16;

/** Whether all places of the first axis hold the same numbers, as positions of a batch do. */
function isCopied(value: Value): boolean {
  const [count, ...others] = dimsOf(value)!;
  if (count < 2 || others.length < 2) return false;
  const data = dataOf(value)!;
  const size = data.length / count;
  const width = data.length / elements([count, ...others]);
  const isVaried = data.subarray(0, size).some((byte, k) => byte !== data[k % width]);
  return isVaried && data.every((byte, k) => byte === data[k % size]);
}

const numbersOf = (value: Value) => decodeNumbers(typeOfTensor(value)!.dtype, dataOf(value)!);

/** Whether most numbers of a constant differ from each other, and are not numbers that people write. */
function looksLearned(value: Value): boolean {
  const numbers = numbersOf(value);
  const odd = numbers.filter((number) => {
    const near = Number(number.toPrecision(DIGITS));
    return near !== number && Math.fround(near) !== number;
  });
  return numbers.length > 1 && new Set(odd).size > numbers.length / 2;
}

/** Significant digits of a number that people write. */
const DIGITS = 4;

/** What reads a constant, also moved, cast or under another name, as exporters merge equal ones. */
function usesOf(value: Value): Use[] {
  const isMoving = (use: Use) => hasFact(use.node.op, "layout") && !isSetting(use);
  const moved = walk([value], ({ uses }) =>
    uses.filter(isMoving).flatMap(({ node }) => outputsOf(node)),
  );
  return [...moved].flatMap(({ uses }) => uses.filter((use) => !isMoving(use)));
}

const isSetting = ({ node: { op }, index }: Use) =>
  operandsThat(op, "settings")?.includes(index) ?? false;

/** Lines of a table that are looked at, numbers of each, and equations that make it sure. */
const [LINES, NUMBERS, SURE] = [16, 8, 8];

/** Rounding errors by which numbers of a wave may miss its equation. */
const APART = 32;

/**
 * Whether a constant was computed from positions: along an axis, each of its lines is a sine or has
 * equal steps, and not all are constant. Rotary angles, sinusoidal embeddings and ramps of distances
 * are, learned weights are not. Looks at some numbers of some lines. With `turns`, equal steps alone,
 * with which some weights start, do not count.
 */
function isPositionTable(value: Value, turns = false): boolean {
  const dims = dimsOf(value)!;
  if (dims.length < 2) return false;
  const { dtype } = typeOfTensor(value)!;
  const data = dataOf(value)!;
  const width = data.length / elements(dims);
  const tolerance = APART * roundoff(dtype);
  return dims.some((size, axis) => {
    const inner = elements(dims.slice(axis + 1));
    const count = elements(dims) / size;
    // The first position may be that of a token of its own.
    const start = size > NUMBERS ? 1 : 0;
    const length = Math.min(size, NUMBERS);
    const lines = Array.from({ length: Math.min(count, LINES) }, (_, k) => {
      const line = Math.floor((k * count) / Math.min(count, LINES));
      const first = Math.floor(line / inner) * size * inner + (line % inner) + start * inner;
      const places = Array.from({ length }, (_, t) => (first + t * inner) * width);
      return decodeNumbers(dtype, concat(places.map((at) => data.subarray(at, at + width))));
    });
    if (lines.length * (length - 3) < SURE) return false;
    const isVaried = lines.some((line) => line.some((x) => Math.abs(x - line[0]) > tolerance));
    const factors = lines.map((line) => factorOf(line, tolerance));
    const turning = !turns || factors.some((factor) => factor !== null && factor < 2 - TURN);
    return isVaried && turning && !factors.includes(null);
  });
}

/** How far the factor of a sine is from 2, that of equal steps. */
const TURN = 1e-2;

/** Returns what times each number its neighbors add up to: 2 in equal steps. Null if it differs. */
function factorOf(line: Float64Array, tolerance: number): number | null {
  const sums = Array.from(line.subarray(2), (next, k) => next + line[k]);
  const middle = line.subarray(1, -1);
  const square = middle.reduce((sum, x) => sum + x * x, 0);
  const factor = square === 0 ? 2 : sums.reduce((sum, x, k) => sum + x * middle[k], 0) / square;
  const most = tolerance * line.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const isSame = sums.every((sum, k) => Math.abs(sum - factor * middle[k]) <= most);
  return isSame && Math.abs(factor) <= 2 + tolerance ? factor : null;
}
