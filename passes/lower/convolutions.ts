import { activated } from "./activations.ts";
import type { Composite, LoweringTable } from "./composite.ts";

/** The attributes of a convolution. */
export const WINDOW = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

/** act(conv(x, w, b) + z). */
function fused(call: Composite, convolved: string, z: string | null): string {
  const sum = z === null ? convolved : call.op.Add(convolved, z);
  return activated(call, call.text("activation", ""), call.floats("activation_params") ?? [], sum);
}

/** Moves the last axis of an input, or of a value of its rank, to the second place. */
export function channelsFirst(
  { op, input, shape }: Composite,
  index: number,
  x: string = input(index),
): string {
  const rank = shape(index).length;
  const places = Array.from({ length: rank - 2 }, (_, k) => k + 1);
  return op.Transpose(x, { perm: [0, rank - 1, ...places] });
}

/** Moves the second axis to the end. */
export function channelsLast({ op, shape }: Composite, x: string): string {
  const places = Array.from({ length: shape(0).length - 2 }, (_, k) => k + 2);
  return op.Transpose(x, { perm: [0, ...places, 1] });
}

/** Convolutions with an activation, or with channels last. */
export const loweredConvolutions: LoweringTable = {
  /** com.microsoft.FusedConv. */
  "com.microsoft.FusedConv": (call) => {
    const { op, input, inputs } = call;
    const convolved = op.Conv(input(0), input(1), inputs[2] ?? null, call.kept(...WINDOW));
    return [fused(call, convolved, inputs[3] ?? null)];
  },
  /** A ConvTranspose whose pads are an input. */
  "com.microsoft.ConvTransposeWithDynamicPads": (call) => {
    const { op, input, inputs, numbers } = call;
    const pads = inputs[2] == null ? null : numbers(2, "pads");
    const attributes = { ...call.kept(...WINDOW, "output_padding"), ...(pads ? { pads } : {}) };
    return [op.ConvTranspose(input(0), input(1), inputs[3] ?? null, attributes)];
  },
  /** A convolution of [N, H, W, C] with weights [M, C / group, kH, kW]. */
  "com.microsoft.NhwcFusedConv": (call) => {
    const { op, input, inputs } = call;
    const convolved = op.Conv(
      channelsFirst(call, 0),
      input(1),
      inputs[2] ?? null,
      call.kept(...WINDOW),
    );
    return [fused(call, channelsLast(call, convolved), inputs[3] ?? null)];
  },
  /** A convolution of [N, H, W, C] with weights [M, kH, kW, C / group]. */
  "com.microsoft.NhwcConv": (call) => {
    const weights = channelsFirst(call, 1);
    const x = channelsFirst(call, 0);
    return [
      channelsLast(call, call.op.Conv(x, weights, call.inputs[2] ?? null, call.kept(...WINDOW))),
    ];
  },
};
