import type { Ops } from "../../src/graph/ops.ts";
import { rows } from "../../src/graph/own.ts";
import { activated } from "./activations.ts";
import { type Composite, equalPieces, type LoweringRule, type LoweringTable } from "./composite.ts";
import { fakeQuantized, rewired } from "./dequantized.ts";

/** One step of one direction; all values have three axes. */
interface Step {
  /** Its input times W, including the biases that can be added here: [1, B, gates · H]. */
  readonly x: string;
  /** The previous states, [1, B, H]; only an LSTM has a cell state. */
  readonly h: string;
  readonly c: string | null;
  /** What R multiplies if that is not h itself. */
  readonly seen?: string;
  /** [1, H, gates · H]; or one per gate, with biases [1, 1, H] or none, if the bias is separate. */
  readonly r: readonly string[];
  readonly rb: readonly string[] | null;
  /** Weights of the cell state in the gates i, o, f, each [1, 1, H]; null without peepholes. */
  readonly peepholes: readonly string[] | null;
  readonly act: (index: number, x: string) => string;
  /** Splits the last axis into equal pieces. */
  readonly parts: (x: string, count: number) => string[];
}

interface States {
  readonly h: string;
  readonly c: string | null;
}

/** Unrolls a recurrent operator; `after` returns the states after one step. */
interface Cell {
  readonly gates: number;
  readonly activations: readonly string[];
  /** Whether the recurrence has a separate bias. */
  readonly apart: boolean;
  readonly after: (call: Composite, step: Step) => States;
}

/** C = f C + i tanh n, H = o tanh C; the gates i and f see C before, o sees it after the step. */
const lstm: Cell = {
  gates: 4,
  activations: ["Sigmoid", "Tanh", "Tanh"],
  apart: false,
  after: ({ op, int, scalar }, { x, h, seen = h, c: before, r, peepholes, act, parts }) => {
    const [i, o, f, n] = parts(op.Add(x, op.MatMul(seen, r[0])), 4);
    const seeing = (v: typeof h, k: number, cell: typeof h) =>
      peepholes ? op.Add(v, op.Mul(peepholes[k], cell)) : v;
    const input = act(0, seeing(i, 0, before!));
    const forget =
      int("input_forget", 0) === 0 ? act(0, seeing(f, 2, before!)) : op.Sub(scalar(1), input);
    const c = op.Add(op.Mul(forget, before!), op.Mul(input, act(1, n)));
    return { h: op.Mul(act(0, seeing(o, 1, c)), act(2, c)), c };
  },
};

/** H = (1 − z) n + z H; n = tanh(x + r (H R + b)), or tanh(x + (r H) R + b). */
const gru: Cell = {
  gates: 3,
  activations: ["Sigmoid", "Tanh"],
  apart: true,
  after: ({ op, scalar, int }, { x, h, r, rb, act, parts }) => {
    const [xz, xr, xn] = parts(x, 3);
    const times = (v: typeof h, k: number) => {
      const product = op.MatMul(v, r[k]);
      return rb ? op.Add(product, rb[k]) : product;
    };
    const z = act(0, op.Add(xz, times(h, 0)));
    const reset = act(0, op.Add(xr, times(h, 1)));
    const linearFirst = int("linear_before_reset", 0) !== 0;
    const rest = linearFirst ? op.Mul(reset, times(h, 2)) : times(op.Mul(reset, h), 2);
    const n = act(1, op.Add(xn, rest));
    return { h: op.Add(op.Mul(op.Sub(scalar(1), z), n), op.Mul(z, h)), c: null };
  },
};

/** H = tanh(x + H R). */
const rnn: Cell = {
  gates: 1,
  activations: ["Tanh"],
  apart: false,
  after: ({ op }, { x, h, r, act }) => ({ h: act(0, op.Add(x, op.MatMul(h, r[0]))), c: null }),
};

/**
 * (X, W, R, B, sequence_lens, initial_h, initial_c) → (Y, Y_h, Y_c), step by step: X is
 * [T, B, I], Y [T, directions, B, H]. In layout 1 the batch is first everywhere.
 */
const unrolled =
  (cell: Cell): LoweringRule =>
  (given) => {
    const isBatchFirst = given.int("layout", 0) === 1;
    const call = isBatchFirst ? stepsFirst(given) : given;
    const { op, shape, text, refuse, wants } = call;
    const [length, batch, hidden] = [shape(0)[0], shape(0)[1], shape(2).at(-1)].map((size) =>
      call.fixed(size, "its number of steps is not fixed"),
    );
    const directions = { forward: [false], reverse: [true], bidirectional: [false, true] };
    const reversed = directions[text("direction", "forward") as keyof typeof directions];
    if (!reversed) return refuse("its direction is not known");
    call.unrolled(length, reversed.length);
    const sizes = { length, batch, hidden };
    const runs = reversed.map((back, at) =>
      direction(call, cell, sizes, { back, at, count: reversed.length }),
    );
    const outputs = [
      runs.map(({ y }) => y),
      runs.map(({ h }) => h),
      runs.map(({ c, h }) => c ?? h),
    ];
    const stacked = outputs.map((each, k) => (wants(k) ? joined(op, each, k === 0 ? 1 : 0) : null));
    if (!isBatchFirst) return stacked;
    const perms = [[2, 0, 1, 3], TURNED, TURNED];
    return stacked.map((v, k) => (v === null ? null : op.Transpose(v, { perm: perms[k] })));
  };

const TURNED = [1, 0, 2];

/** A recurrence whose batch is first, with its input and its first states turned. */
function stepsFirst(call: Composite): Composite {
  const turned = (k: number) => {
    if (call.inputs[k] == null) return null;
    const [a, b, ...rest] = call.shape(k);
    const value = call.op.Transpose(call.input(k), { perm: TURNED });
    return { value, dtype: call.dtype(k), shape: [b, a, ...rest] };
  };
  return rewired(call, [turned(0), 1, 2, 3, 4, turned(5), turned(6), 7]);
}

const joined = (op: Ops, each: readonly string[], axis: number): string =>
  each.length === 1 ? each[0] : op.Concat(each, { axis });

/** Unrolls one direction: y is [T, 1, B, H], h and c are the last states, [1, B, H]. */
function direction(
  call: Composite,
  { gates, activations, apart, after }: Cell,
  { length, batch, hidden }: { length: number; batch: number; hidden: number },
  { back, at, count }: { back: boolean; at: number; count: number },
) {
  const { op, input, inputs, to, scalar, constant, dtype } = call;
  const own = (k: number) => (count === 1 ? input(k) : to.slice(input(k), [at], [at + 1], [0]));
  const turned = (k: number) => op.Transpose(own(k), { perm: [0, 2, 1] });
  const biases = inputs[3] == null ? null : to.split(own(3), [gates * hidden, gates * hidden], 1);
  const [wb, rb] = (biases ?? []).map((bias) => to.unsqueeze(bias, [1]));
  const product = op.MatMul(input(0), turned(1));
  const shift = biases && (apart ? wb : op.Add(wb, rb));
  const projected = shift ? op.Add(product, shift) : product;
  const xs = equalPieces(call, projected, 0, length);
  const act = activationsOf(call, activations, at);
  const parts = (x: string, n: number) => to.split(x, new Array(n).fill(hidden), 2);
  let none: string | null = null;
  const zeros = () => (none ??= to.expand(scalar(0), [], [1, batch, hidden]));
  const initial = (k: number) => (inputs[k] == null ? zeros() : own(k));
  const r = apart ? parts(turned(2), gates) : [turned(2)];
  const rbs = apart && rb ? parts(rb, gates) : null;
  const peepholes = inputs[7] == null ? null : parts(to.unsqueeze(own(7), [1]), 3);
  let states: States = { h: initial(5), c: gates === lstm.gates ? initial(6) : null };
  const ys = new Array<string>(length);
  for (let k = 0; k < length; k++) {
    const t = back ? length - 1 - k : k;
    const next = after(call, { ...states, x: xs[t], r, rb: rbs, peepholes, act, parts });
    ys[t] = next.h;
    if (inputs[4] == null) states = next;
    else {
      // After its length, a row keeps its states.
      const isLonger = op.Greater(to.cast(input(4), "float"), constant("float", [], [t]));
      const within = to.unsqueeze(isLonger, [0, 2]);
      const kept = (now: string, before: string) => to.where(within, now, before, dtype(0));
      ys[t] = kept(next.h, zeros());
      states = { h: kept(next.h, states.h), c: next.c && kept(next.c, states.c!) };
    }
  }
  const y = length === 1 ? ys[0] : op.Concat(ys, { axis: 0 });
  return { y: to.unsqueeze(y, [1]), ...states };
}

/** How many parameters activations take: an alpha, or also a beta, each from its own list. */
const PARAMETERS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...rows(1, "Elu LeakyRelu ThresholdedRelu"),
    ...rows(2, "Affine HardSigmoid ScaledTanh"),
  }),
);

/**
 * Returns the activations of a direction. `clip` bounds what they are applied to; in onnxruntime, an
 * LSTM's cell state, to which the third is applied, is not bounded.
 */
function activationsOf(call: Composite, defaults: readonly string[], direction: number) {
  const { texts, floats, float, to, dtype } = call;
  const [alphas, betas] = ["activation_alpha", "activation_beta"].map((name) =>
    (floats(name) ?? []).values(),
  );
  const named = texts("activations").map((name) => {
    const count = PARAMETERS.get(name) ?? 0;
    const alpha = count > 0 ? alphas.next().value : undefined;
    return { name, parameters: [alpha, count > 1 ? betas.next().value : undefined] };
  });
  const first = direction * defaults.length;
  const clip = float("clip", 0);
  return (k: number, x: string): string => {
    const bounded = clip > 0 && k < 2 ? to.clip(x, -clip, clip, dtype(0)) : x;
    const { name, parameters } = named[first + k] ?? { name: defaults[k], parameters: [] };
    return activated(call, name, parameters, bounded);
  };
}

/**
 * Lowers com.microsoft.DynamicQuantizeLSTM: an LSTM with (W, W_scale, W_zero_point) and the same of R, each
 * [directions, features, gates · H] with a scale for each direction or for each gate's row. The
 * input as a whole, and the state of each step, are rounded to 8 bits.
 */
export function dynamicLstm(call: Composite): readonly (string | null)[] {
  const { input, shape } = call;
  const weights = (index: number, scale: number) => ({
    value: call.op.Transpose(ofDirections(call, index, scale), { perm: [0, 2, 1] }),
    dtype: "float",
    shape: [shape(index)[0], shape(index)[2], shape(index)[1]],
  });
  const x = { value: fakeQuantized(call, input(0)), dtype: "float", shape: shape(0) };
  const plain = rewired(call, [x, weights(1, 8), weights(2, 10), 3, 4, 5, 6, 7]);
  return unrolled({
    ...lstm,
    after: (of, step) => lstm.after(of, { ...step, seen: fakeQuantized(of, step.h) }),
  })(plain);
}

/** Dequantizes [directions, features, gates · H] with a scale for each direction, or each gate's row. */
function ofDirections(call: Composite, index: number, scale: number): string {
  const { op, input, inputs, to, shape } = call;
  const wide = (k: number, v: string) => to.unsqueeze(v, shape(k).length === 2 ? [1] : [1, 2]);
  const zero = inputs[scale + 1];
  const integers = to.cast(input(index), "float");
  const steps = zero == null ? integers : op.Sub(integers, wide(scale + 1, to.cast(zero, "float")));
  return op.Mul(steps, wide(scale, input(scale)));
}

/** Recurrent layers, unrolled. */
export const loweredRecurrences: LoweringTable = {
  GRU: unrolled(gru),
  LSTM: unrolled(lstm),
  RNN: unrolled(rnn),
};
