import { numbersOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Node,
  type Types,
  textAttribute,
  type Value,
} from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { own, rows } from "../../src/graph/own.ts";
import { derived } from "../../src/graph/walk.ts";

/** The smallest and the largest number that a value can hold. */
type ValueRange = readonly [low: number, high: number];

const ANY: ValueRange = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const UNIT: ValueRange = [0, 1];

/** Maximum number of nodes on one path of the search. */
const DEEPEST = 64;

/**
 * Returns bounds of a value's numbers, derived from the operators that make it. They hold for every
 * input; a missing bound is infinite.
 */
export function rangeOf(types: Types, value: Value): ValueRange {
  const rangeAt = derived<Value, ValueRange>(
    (each, of, depth) => {
      if (types.get(each)?.dtype === "bool") return UNIT;
      const range = depth > DEEPEST ? ANY : bounds(each, (input) => (input ? of(input) : ANY));
      return range.some(Number.isNaN) ? ANY : range;
    },
    () => ANY,
  );
  return rangeAt(value);
}

type RangeOf = (value: Value | null | undefined) => ValueRange;

function bounds(value: Value, of: RangeOf): ValueRange {
  const numbers = numbersOf(value);
  if (numbers && numbers.length > 0) return [Math.min(...numbers), Math.max(...numbers)];
  const node = value.producer;
  if (!node) return ANY;
  if (node.callee) return of(node.callee.outputs[node.outputs.indexOf(value)]);
  if (node.op === "If") {
    const index = node.outputs.indexOf(value);
    return union(node.bodies.map((body) => of(body.outputs[index])));
  }
  return own(RULES, node.op)?.({ node, of: (k) => of(node.inputs[k]) }) ?? ANY;
}

interface At {
  readonly node: Node;
  readonly of: (input: number) => ValueRange;
}

type Rule = (at: At) => ValueRange;

const union = (ranges: readonly ValueRange[]): ValueRange =>
  ranges.length === 0
    ? ANY
    : [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];

const every = ({ node, of }: At) => node.inputs.map((_, k) => of(k));

/** Returns what a function gives of the low ends of all inputs, and of the high ends. */
const each = (at: At, f: (...ends: number[]) => number): ValueRange => [
  f(...every(at).map(([low]) => low)),
  f(...every(at).map(([, high]) => high)),
];

const kept: Rule = ({ of }) => of(0);
const within =
  (low: number, high: number): Rule =>
  () => [low, high];

/** Returns the range of an increasing function of the first input. */
const rising =
  (f: (x: number) => number): Rule =>
  ({ of }) => [f(of(0)[0]), f(of(0)[1])];

/** Multiplies bounds; 0 times infinity is 0 here, because the numbers themselves are finite. */
const times = (a: number, b: number) => (a === 0 || b === 0 ? 0 : a * b);

const multiplied = ([a, b]: ValueRange, [c, d]: ValueRange): ValueRange => {
  const ends = [times(a, c), times(a, d), times(b, c), times(b, d)];
  return [Math.min(...ends), Math.max(...ends)];
};

const reciprocal = ([a, b]: ValueRange): ValueRange => (a >= 0 || b <= 0 ? [1 / b, 1 / a] : ANY);

const sum: Rule = (at) =>
  every(at).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0] as ValueRange) as ValueRange;

function clipped(at: At): ValueRange {
  const { node } = at;
  const bound = (k: number, name: string, otherwise: number) =>
    attribute(node, name)?.f ?? numbersOf(node.inputs[k])?.[0] ?? otherwise;
  const low = bound(1, "min", Number.NEGATIVE_INFINITY);
  const high = bound(2, "max", Number.POSITIVE_INFINITY);
  return rising((x) => Math.min(high, Math.max(low, x)))(at);
}

/** Divides ranges; a share of a sum of nonnegative numbers is between 0 and 1. */
function divided({ node, of }: At): ValueRange {
  const [part, whole] = node.inputs;
  const from = whole?.producer;
  if (
    from &&
    (from.op === "ReduceSum" || from.op === "ReduceL1") &&
    from.inputs[0] === part &&
    of(0)[0] >= 0
  )
    return UNIT;
  return multiplied(of(0), reciprocal(of(1)));
}

const RULES: Readonly<Record<string, Rule>> = {
  ...rows(kept, [...operatorsThat("reshapes")].join(" ")),
  ...rows(kept, "DepthToSpace Dropout Expand Gather GatherElements GatherND"),
  ...rows(kept, "GlobalAveragePool GlobalMaxPool MaxPool QuantizeLinear ReduceMax"),
  ...rows(kept, "ReduceMean ReduceMin Slice SpaceToDepth Split Tile TopK Transpose"),
  ...rows(kept, "Upsample"),
  ...rows(within(0, 1), "HardSigmoid Sigmoid Softmax"),
  ...rows(within(-1, 1), "Cos Erf Sin Softsign Tanh"),
  ...rows(within(0, Number.POSITIVE_INFINITY), "ReduceL1 ReduceL2 ReduceSumSquare Softplus"),
  Abs: ({ of }) => {
    const [low, high] = of(0);
    const least = low <= 0 && high >= 0 ? 0 : Math.min(Math.abs(low), Math.abs(high));
    return [least, Math.max(Math.abs(low), Math.abs(high))];
  },
  Add: sum,
  // Padding zeros may be part of the average.
  AveragePool: ({ of }) => union([of(0), [0, 0]]),
  Clip: clipped,
  Concat: (at) => union(every(at)),
  DequantizeLinear: ({ node, of }) =>
    node.inputs[0]?.producer?.op === "QuantizeLinear" ? of(0) : ANY,
  Div: divided,
  Exp: rising(Math.exp),
  Log: rising(Math.log),
  LogSoftmax: within(Number.NEGATIVE_INFINITY, 0),
  Max: (at) => each(at, Math.max),
  Mean: (at) => {
    const [low, high] = sum(at);
    const count = at.node.inputs.length;
    return [low / count, high / count];
  },
  Min: (at) => each(at, Math.min),
  Mul: ({ node, of }) =>
    node.inputs[0] === node.inputs[1] ? squared(of(0)) : multiplied(of(0), of(1)),
  Neg: ({ of }) => [-of(0)[1], -of(0)[0]],
  Pad: ({ node, of }) => {
    const value = attribute(node, "value")?.f ?? 0;
    const filled = node.inputs[2] ? (numbersOf(node.inputs[2])?.[0] ?? Number.NaN) : value;
    return union([of(0), [filled, filled]]);
  },
  Pow: ({ node, of }) => {
    const [low, high] = of(0);
    const power = numbersOf(node.inputs[1])?.[0];
    if (power === 2) return squared([low, high]);
    return power !== undefined && power > 0 && low >= 0 ? [low ** power, high ** power] : ANY;
  },
  Reciprocal: ({ of }) => reciprocal(of(0)),
  ReduceSum: ({ of }) => [
    of(0)[0] >= 0 ? 0 : Number.NEGATIVE_INFINITY,
    of(0)[1] <= 0 ? 0 : Number.POSITIVE_INFINITY,
  ],
  Relu: rising((x) => Math.max(0, x)),
  // Cubic interpolation overshoots.
  Resize: ({ node, of }) => (textAttribute(node, "mode") === "cubic" ? ANY : of(0)),
  Sqrt: rising((x) => Math.sqrt(Math.max(0, x))),
  Sub: ({ of }) => [of(0)[0] - of(1)[1], of(0)[1] - of(1)[0]],
  Sum: sum,
  Where: ({ of }) => union([of(1), of(2)]),
};

function squared([low, high]: ValueRange): ValueRange {
  const [a, b] = [low * low, high * high];
  return [low <= 0 && high >= 0 ? 0 : Math.min(a, b), Math.max(a, b)];
}
