import type { activations } from "../../passes/gradient/activations.ts";
import { at, type Samples, single, unary, within } from "./sample.ts";

const wide = within(-4, 4, 5, 7);
const one = (text: string) => single(unary(text, wide));

/** Samples of activations. */
export const activationSamples: Samples<typeof activations> = {
  Celu: [one("y = Celu(x)"), one("y = Celu <alpha = 0.7> (x)")],
  Elu: [...at([7, 18], one("y = Elu(x)")), one("y = Elu <alpha = 0.7> (x)")],
  Gelu: [
    { ...one("y = Gelu(x)"), opset: 20 },
    { ...one(`y = Gelu <approximate = "tanh"> (x)`), opset: 20 },
  ],
  HardSigmoid: [
    one("y = HardSigmoid(x)"),
    one("y = HardSigmoid <alpha = 0.3, beta = 0.4> (x)"),
    one("y = HardSigmoid <alpha = 1.5> (x)"),
  ],
  HardSwish: [{ ...one("y = HardSwish(x)"), opset: 14 }],
  Hardmax: [{ ...one("y = Hardmax(x)"), absent: ["x"] }],
  LeakyRelu: [
    ...at([7, 16], one("y = LeakyRelu <alpha = 0.2> (x)")),
    one("y = LeakyRelu <alpha = -0.5> (x)"),
    one("y = LeakyRelu <alpha = 1.5> (x)"),
  ],
  Mish: [one("y = Mish(x)")],
  Relu: [...at([7, 18], one("y = Relu(x)")), unary("y = Relu(x)")],
  Selu: [one("y = Selu(x)"), one("y = Selu <alpha = 1.5, gamma = 0.9> (x)")],
  Shrink: [
    single(unary("y = Shrink(x)", within(-4, 4, 2, 2))),
    single(unary("y = Shrink <lambd = 0.9, bias = 0.4> (x)", within(-4, 4, 2, 2))),
  ],
  Sigmoid: [one("y = Sigmoid(x)"), unary("y = Sigmoid(x)", wide)],
  Softplus: [one("y = Softplus(x)")],
  Softsign: [one("y = Softsign(x)")],
  Swish: [
    { ...one("y = Swish(x)"), opset: 24 },
    { ...one("y = Swish <alpha = 1.7> (x)"), opset: 24 },
  ],
  Tanh: [one("y = Tanh(x)"), unary("y = Tanh(x)", wide)],
  ThresholdedRelu: at([10, 22], one("y = ThresholdedRelu <alpha = 0.6> (x)")),
};
