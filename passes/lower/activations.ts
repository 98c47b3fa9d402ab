import { float } from "../../src/onnx/new-node.ts";
import { type Composite, type LoweringRule, type LoweringTable, plus } from "./composite.ts";

/** x Φ(x) = x/2 (1 + erf(x / √2)). */
function gelu({ op, scalar }: Composite, x: string): string {
  const both = op.Add(op.Erf(op.Mul(x, scalar(Math.SQRT1_2))), scalar(1));
  return op.Mul(op.Mul(x, scalar(0.5)), both);
}

/** x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))). */
export function tanhGelu({ op, scalar }: Composite, x: string): string {
  const cubic = op.Add(op.Mul(op.Mul(op.Mul(x, x), x), scalar(0.044715)), x);
  const nonlinear = op.Tanh(op.Mul(cubic, scalar(Math.sqrt(2 / Math.PI))));
  return op.Mul(op.Mul(x, scalar(0.5)), op.Add(nonlinear, scalar(1)));
}

/** Returns an activation by the name in a fused node, "" for none, with its parameters in order. */
export function activated(
  { op, to, dtype, scalar, refuse }: Composite,
  name: string,
  [first, second, third]: readonly (number | undefined)[],
  x: string,
): string {
  const given = (parameters: Record<string, number | undefined>) =>
    Object.fromEntries(
      Object.entries(parameters).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, float(value)]],
      ),
    );
  switch (name) {
    case "":
      return x;
    case "Relu":
    case "Sigmoid":
    case "Softplus":
    case "Softsign":
    case "Tanh":
      return op[name](x);
    case "Elu":
    case "LeakyRelu":
    case "ThresholdedRelu":
      return op[name](x, given({ alpha: first }));
    case "HardSigmoid":
      return op.HardSigmoid(x, given({ alpha: first, beta: second }));
    case "Selu":
      return op.Selu(x, given({ alpha: first, gamma: third ?? second }));
    case "Affine":
      return op.Add(op.Mul(x, scalar(first ?? 1)), scalar(second ?? 0));
    case "ScaledTanh":
      return op.Mul(op.Tanh(op.Mul(x, scalar(second ?? 1))), scalar(first ?? 1));
    case "Clip":
      return to.clip(x, first ?? null, second ?? null, dtype(0));
    default:
      return refuse(`its activation ${name} is not known`);
  }
}

/** An activation of early exporters, with the parameters that its attributes give. */
const early =
  (name: string): LoweringRule =>
  (call) => [activated(call, name, [call.float("alpha", 1), call.float("beta", 0)], call.input(0))];

/** Activations of onnxruntime and of early exporters. */
export const loweredActivations: LoweringTable = {
  Affine: early("Affine"),
  ScaledTanh: early("ScaledTanh"),
  ParametricSoftplus: ({ op, input, scalar, float }) => {
    const steep = op.Softplus(op.Mul(input(0), scalar(float("beta", 1))));
    return [op.Mul(steep, scalar(float("alpha", 1)))];
  },
  "com.microsoft.Gelu": (call) => [gelu(call, call.input(0))],
  "com.microsoft.BiasGelu": (call) => [gelu(call, call.op.Add(call.input(0), call.input(1)))],
  "com.microsoft.FastGelu": (call) => [tanhGelu(call, plus(call, call.input(0), 1))],
  "com.microsoft.QuickGelu": ({ op, input, scalar, float }) => {
    const x = input(0);
    return [op.Mul(x, op.Sigmoid(op.Mul(x, scalar(float("alpha", 1.702)))))];
  },
  SwiGLU: ({ op, input, scalar, float }) => {
    const gate = input(0);
    const alpha = float("alpha", 1);
    const steep = alpha === 1 ? gate : op.Mul(gate, scalar(alpha));
    return [op.Mul(op.Mul(gate, op.Sigmoid(steep)), input(1))];
  },
  /** X + gate Y, with the gate of each row as it is, or σ of a product. */
  "com.microsoft.GatedAdd": ({ op, input, inputs }) => {
    const gate = inputs[3] == null ? input(2) : op.Sigmoid(op.MatMul(input(2), inputs[3]));
    return [op.Add(input(0), op.Mul(input(1), gate))];
  },
  /** The decay s softplus(a + b) and σ of the third input, of a linear attention. */
  "com.microsoft.LinearAttentionGate": ({ op, to, input, inputs, dtype }) => {
    const wide = to.cast(input(0), "float", dtype(0));
    const decay = op.Mul(input(2), op.Softplus(op.Add(wide, input(1))));
    return [to.cast(decay, dtype(0), "float"), inputs[3] == null ? null : op.Sigmoid(inputs[3])];
  },
  "com.microsoft.BiasSplitGelu": (call) => {
    const { op, input, shape, to, fixed } = call;
    const half = fixed(shape(0).at(-1), "its last axis does not have a fixed size") / 2;
    const [left, right] = to.split(op.Add(input(0), input(1)), [half, half], shape(0).length - 1);
    return [op.Mul(left, gelu(call, right))];
  },
};
