import { describe, it } from "vitest";
import type { vjp } from "../passes/gradient/vjp.ts";
import { activationSamples } from "./gradient-samples/activations.ts";
import { convolutionSamples } from "./gradient-samples/convolution.ts";
import { elementwiseSamples } from "./gradient-samples/elementwise.ts";
import { normalizationSamples } from "./gradient-samples/normalization.ts";
import { placeSamples } from "./gradient-samples/places.ts";
import { poolingSamples } from "./gradient-samples/pooling.ts";
import { productSamples } from "./gradient-samples/products.ts";
import { reductionSamples } from "./gradient-samples/reductions.ts";
import { resizeSamples } from "./gradient-samples/resize.ts";
import type { Samples } from "./gradient-samples/sample.ts";
import { shapeSamples } from "./gradient-samples/shapes.ts";
import { throughSamples } from "./gradient-samples/throughs.ts";
import { checkGradients } from "./support/check-gradients.ts";

const samples = {
  ...activationSamples,
  ...convolutionSamples,
  ...elementwiseSamples,
  ...normalizationSamples,
  ...placeSamples,
  ...poolingSamples,
  ...productSamples,
  ...reductionSamples,
  ...resizeSamples,
  ...shapeSamples,
  ...throughSamples,
} satisfies Samples<typeof vjp>;

describe.each(Object.entries(samples))(
  "the gradient of %s is its difference quotient",
  (_, all) => {
    it.for(
      all.map((sample, k) => [`${k} ${sample.text} opset ${sample.opset ?? 18}`, sample] as const),
    )("%s", async ([, sample]) => {
      await checkGradients(sample);
    });
  },
);
