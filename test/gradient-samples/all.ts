import type { vjp } from "../../passes/gradient/vjp.ts";
import { activationSamples } from "./activations.ts";
import { convolutionSamples } from "./convolution.ts";
import { elementwiseSamples } from "./elementwise.ts";
import { gridSamples } from "./grid-sample.ts";
import { linearSamples } from "./linear-maps.ts";
import { normalizationSamples } from "./normalization.ts";
import { placeSamples } from "./places.ts";
import { poolingSamples } from "./pooling.ts";
import { productSamples } from "./products.ts";
import { quantizationSamples } from "./quantization.ts";
import { reductionSamples } from "./reductions.ts";
import { resizeSamples } from "./resize.ts";
import type { Samples } from "./sample.ts";
import { shapeSamples } from "./shapes.ts";
import { throughSamples } from "./throughs.ts";

/** Samples of every gradient rule. */
export const gradientSamples = {
  ...activationSamples,
  ...convolutionSamples,
  ...elementwiseSamples,
  ...linearSamples,
  ...normalizationSamples,
  ...placeSamples,
  ...poolingSamples,
  ...productSamples,
  ...quantizationSamples,
  ...reductionSamples,
  ...resizeSamples,
  ...gridSamples,
  ...shapeSamples,
  ...throughSamples,
  // Of an operator of onnxruntime's own, which is among the composites of the tests.
} satisfies Samples<Omit<typeof vjp, "com.microsoft.MatMulNBits">>;
