import type { Composite, LoweringRule } from "./composite.ts";

/**
 * CausalConvWithState: (input [B, C, L], weight [C, 1, k], bias, past_state [B, C, k − 1]) →
 * (output, present_state). A depthwise convolution over the past and the input.
 */
export const CausalConvWithState: LoweringRule = (call) => {
  const { op, input, inputs, shape, text, to, wants, refuse, fixed } = call;
  const [channels, , taps] = shape(1).map((size, axis) =>
    axis === 1 ? 0 : fixed(size, "its weight does not have a fixed size"),
  );
  if (taps === 1 && wants(1)) return refuse("its state is empty");
  const past = inputs[3] ?? null;
  const padded =
    taps === 1
      ? input(0)
      : past === null
        ? to.pad(input(0), [0, 0, taps - 1, 0, 0, 0])
        : op.Concat([past, input(0)], { axis: 2 });
  const convolved = op.Conv(padded, input(1), inputs[2] ?? null, { group: channels });
  const activation = text("activation", "none");
  if (!["none", "silu", "swish"].includes(activation))
    return refuse(`its activation ${activation} is not known`);
  const output = activation === "none" ? convolved : op.Mul(convolved, op.Sigmoid(convolved));
  return [output, wants(1) ? to.slice(padded, [1 - taps], [END], [2]) : null];
};

/** com.microsoft.CausalConvWithState, limited to what ai.onnx's operator does. */
export const MicrosoftCausalConv: LoweringRule = (call) => {
  const { int, ints, wants, refuse } = call;
  const plain =
    int("ndim", 1) === 1 &&
    int("dilation", 1) === 1 &&
    (ints("dilation") ?? []).every((by) => by === 1) &&
    FURTHER.every((name) => int(name, 0) === 0) &&
    !wants(2);
  return plain
    ? CausalConvWithState(call)
    : refuse("it has features that ai.onnx's operator does not have");
};

const FURTHER = [
  ...["channels_last", "state_channels_last", "input_channels", "input_channel_offset"],
  ...["state_update_capacity", "state_window", "state_length"],
];

/** Larger than every index along an axis. */
const END = 2 ** 31 - 1;

/** Update rules: whether the state decays, and whether the recalled value is subtracted. */
const UPDATES: Readonly<Record<string, { gated: boolean; delta: boolean }>> = {
  linear: { gated: false, delta: false },
  gated: { gated: true, delta: false },
  delta: { gated: false, delta: true },
  gated_delta: { gated: true, delta: true },
};

/**
 * LinearAttention: (query [B, T, Nq·K], key [B, T, N·K], value [B, T, N·V], past_state [B, N, K,
 * V], decay, beta) → (output, present_state), unrolled. S is the state: S = e^decay S + key ⊗
 * value. Delta rules replace value by β (value − keyᵀ e^decay S).
 */
export const LinearAttention: LoweringRule = (call) => {
  const { op, input, inputs, shape, int, float, text, to, scalar, refuse } = call;
  const rule = UPDATES[text("update_rule", "gated_delta")];
  if (int("state_window", 0) !== 0) return refuse("its state is a window");
  if (!rule) return refuse("its update rule is not known");
  const [heads, shared] = [int("q_num_heads", 1), int("kv_num_heads", 1)];
  const [batch, length, features, wide] = [...shape(1), shape(2).at(-1)].map((size) =>
    call.fixed(size, "its number of steps or a size is not fixed"),
  );
  call.unrolled(length, 1);
  if (rule.gated && inputs[4] == null) return refuse("its decay is absent");
  if (rule.delta && inputs[5] == null) return refuse("its beta is absent");
  const [width, values] = [features / shared, wide / shared];
  const scale = scalar(float("scale", 0) || 1 / Math.sqrt(width));
  const each = (x: typeof scale, shape: readonly number[]) => overTime(call, x, shape, length);
  const q = each(op.Mul(input(0), scale), [shared, heads / shared, width]);
  const k = each(input(1), [shared, width, 1]);
  const turned = rule.delta ? each(input(1), [shared, 1, width]) : [];
  const v = each(input(2), [shared, 1, values]);
  const decay = rule.gated ? each(op.Exp(input(4)), [shared, -1, 1]) : [];
  const beta = rule.delta ? each(input(5), [-1, 1, 1]) : [];
  let state = inputs[3] ?? to.expand(scalar(0), [], [batch, shared, width, values]);
  const outputs = k.map((key, t) => {
    const before = rule.gated ? op.Mul(decay[t], state) : state;
    const written = rule.delta ? op.Mul(beta[t], op.Sub(v[t], op.MatMul(turned[t], before))) : v[t];
    state = op.Add(before, op.Mul(key, written));
    return to.unsqueeze(op.MatMul(q[t], state), [0]);
  });
  const stacked = outputs.length === 1 ? outputs[0] : op.Concat(outputs, { axis: 0 });
  const output = to.reshape(op.Transpose(stacked, { perm: [1, 0, 2, 3, 4] }), [0, 0, -1]);
  return [output, state];
};

/** Splits [B, T, …] into steps, each [B, …shape]. */
function overTime(
  { op, to }: Composite,
  x: string,
  shape: readonly number[],
  length: number,
): string[] {
  const apart = op.Transpose(to.reshape(x, [0, 0, ...shape]), { perm: [1, 0, 2, 3, 4] });
  const steps = length === 1 ? [apart] : to.split(apart, new Array(length).fill(1), 0);
  return steps.map((step) => to.squeeze(step, [0]));
}
