import { range } from "../../src/onnx/dtypes.ts";
import { activated } from "./activations.ts";
import { type Composite, type LoweringTable, plus } from "./composite.ts";

/** The attributes of a convolution. */
export const WINDOW = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

/** act(y + z), z being the fourth input. */
function fused(call: Composite, y: string): string {
  const parameters = call.floats("activation_params") ?? [];
  return activated(call, call.text("activation", ""), parameters, plus(call, y, 3));
}

/** Moves the last axis of an input, or of a value of its rank, to the second place. */
export function channelsFirst(
  { op, input, shape }: Composite,
  index: number,
  x: string = input(index),
): string {
  const rank = shape(index).length;
  return op.Transpose(x, { perm: [0, rank - 1, ...range(rank - 1).slice(1)] });
}

/** Moves the second axis to the end. */
export const channelsLast = ({ op, shape }: Composite, x: string): string =>
  op.Transpose(x, { perm: [0, ...range(shape(0).length).slice(2), 1] });

/** Convolutions with an activation, or with channels last. */
export const loweredConvolutions: LoweringTable = {
  "com.microsoft.FusedConv": (call) => {
    const { op, input, inputs } = call;
    return [fused(call, op.Conv(input(0), input(1), inputs[2], call.kept(...WINDOW)))];
  },
  "com.microsoft.ConvTransposeWithDynamicPads": (call) => {
    const { op, input, inputs, numbers } = call;
    const pads = inputs[2] == null ? null : numbers(2, "pads");
    const attributes = { ...call.kept(...WINDOW, "output_padding"), ...(pads ? { pads } : {}) };
    return [op.ConvTranspose(input(0), input(1), inputs[3], attributes)];
  },
  /** A convolution of [N, H, W, C] with weights [M, C / group, kH, kW]. */
  "com.microsoft.NhwcFusedConv": (call) => {
    const { op, input, inputs } = call;
    const y = op.Conv(channelsFirst(call, 0), input(1), inputs[2], call.kept(...WINDOW));
    return [fused(call, channelsLast(call, y))];
  },
  /** A convolution of [N, H, W, C] with weights [M, kH, kW, C / group]. */
  "com.microsoft.NhwcConv": (call) => {
    const [weights, x] = [1, 0].map((index) => channelsFirst(call, index));
    return [channelsLast(call, call.op.Conv(x, weights, call.inputs[2], call.kept(...WINDOW)))];
  },
};
