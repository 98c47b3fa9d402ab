import { range } from "../../src/onnx/dtypes.ts";
import type { LossInputs, LossWriter } from "./loss.ts";

/** Less than the logarithm of any probability. */
export const NEVER = -1e30;

/** What label sequences are written from. */
export interface Sequences
  extends LossWriter,
    Pick<LossInputs, "output" | "target" | "arrays" | "opset"> {
  readonly options: { readonly ignoreIndex: number };
  readonly rows: number;
  readonly steps: number;
  readonly classes: number;
  readonly blank: number;
}

/** The states of the labels of each row: blank, label, blank, label, …, blank. */
export interface LabelPath {
  readonly states: number;
  /** The labels, -1 behind them, int64 [rows, labels]. */
  readonly labels: string;
  /** The class of each state, int64 [rows, states]. */
  readonly path: string;
  /** Number of labels, [rows, 1]. */
  readonly length: string;
  /** 0 if a state may be reached from the one two before it, otherwise NEVER: [rows, states]. */
  readonly skips: string;
  /** 0 at the two last states of a row, otherwise NEVER: [1, rows, states]. */
  readonly ends: string;
}

/** Writes which labels count, as 1 and 0: those within a row's length, or before its filling. */
function counted(of: Sequences, labels: string): string {
  const { op, to, constant, output, arrays, options, target, blank } = of;
  const { dtype } = output;
  const size = Number(target.shape[1]);
  if (arrays.targetLengths) {
    const given = to.reshape(to.cast(arrays.targetLengths.name, dtype), [of.rows, 1]);
    return to.cast(op.Less(constant(dtype, [1, size], range(size)), given), dtype);
  }
  const int = (value: number) => constant("int64", [], [value]);
  const filling = [blank, options.ignoreIndex].map((value) => op.Equal(labels, int(value)));
  const isFilling = op.Or(filling[0], filling[1]);
  const filled = op.Or(isFilling, op.Less(to.cast(labels, dtype), constant(dtype, [], [0])));
  const before = range(size * size).map((k) => (Math.floor(k / size) <= k % size ? 1 : 0));
  const sum = op.MatMul(to.cast(filled, dtype), constant(dtype, [size, size], before));
  return to.cast(op.Less(sum, constant(dtype, [], [0.5])), dtype);
}

/** Puts something before each of the values [rows, labels], and once at the end. */
function interleaved({ op, to, rows, target }: Sequences, x: string, other: string): string {
  const size = Number(target.shape[1]);
  const separators = to.expand(other, [1, 1], [rows, size]);
  const pairs = op.Concat([to.unsqueeze(separators, [2]), to.unsqueeze(x, [2])], { axis: 2 });
  const last = to.expand(other, [1, 1], [rows, 1]);
  return op.Concat([to.reshape(pairs, [rows, 2 * size]), last], { axis: 1 });
}

/** Writes the states of the labels. */
export function labelPath(of: Sequences): LabelPath {
  const { op, to, constant, number, output, target, rows, blank } = of;
  const { dtype } = output;
  const size = Number(target.shape[1]);
  const states = 2 * size + 1;
  const given = to.cast(target.name, "int64", target.dtype);
  const counts = counted(of, given);
  const chosen = to.cast(counts, "int64");
  const one = constant("int64", [], [1]);
  const fillings = op.Sub(one, chosen);
  const labels = op.Add(op.Mul(given, chosen), op.Mul(fillings, constant("int64", [], [blank])));
  const length = to.reduce("ReduceSum", counts, [1]);
  const never = constant(dtype, [1, 1], [NEVER]);
  const first = to.expand(never, [1, 1], [rows, 1]);
  const same = () => {
    const [a, b] = [to.slice(labels, [0], [size - 1], [1]), to.slice(labels, [1], [size], [1])];
    return op.Mul(to.cast(op.Equal(a, b), dtype), number(NEVER));
  };
  const ofLabels = size === 1 ? first : op.Concat([first, same()], { axis: 1 });
  const end = op.Sub(op.Mul(length, number(2)), number(0.5));
  const apart = op.Abs(op.Sub(constant(dtype, [1, states], range(states)), end));
  const elsewhere = to.cast(op.Greater(apart, number(0.6)), dtype);
  return {
    states,
    labels: op.Sub(op.Mul(op.Add(given, one), chosen), one),
    path: interleaved(of, labels, constant("int64", [1, 1], [blank])),
    length,
    skips: interleaved(of, ofLabels, never),
    ends: to.unsqueeze(op.Mul(elsewhere, number(NEVER)), [0]),
  };
}
