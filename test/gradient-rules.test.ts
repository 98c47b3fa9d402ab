import ort from "onnxruntime-node";
import { describe, it } from "vitest";
import type { vjp } from "../passes/gradient/vjp.ts";
import { tensorOfBytes } from "../src/ort/tensors.ts";
import { activationSamples } from "./gradient-samples/activations.ts";
import { convolutionSamples } from "./gradient-samples/convolution.ts";
import { elementwiseSamples } from "./gradient-samples/elementwise.ts";
import { gated, nearlyGated } from "./gradient-samples/gates.ts";
import { gridSamples } from "./gradient-samples/grid-sample.ts";
import { normalizationSamples } from "./gradient-samples/normalization.ts";
import { openedSamples } from "./gradient-samples/opened.ts";
import { placeSamples } from "./gradient-samples/places.ts";
import { poolingSamples } from "./gradient-samples/pooling.ts";
import { productSamples } from "./gradient-samples/products.ts";
import { loweredQuantised, quantizationSamples } from "./gradient-samples/quantization.ts";
import { reductionSamples } from "./gradient-samples/reductions.ts";
import { resizeSamples } from "./gradient-samples/resize.ts";
import type { Samples } from "./gradient-samples/sample.ts";
import { shapeSamples } from "./gradient-samples/shapes.ts";
import { throughSamples } from "./gradient-samples/throughs.ts";
import { checkGradients, checkModel, NUMERIC } from "./support/check-gradients.ts";
import { composites } from "./support/composites.ts";
import { dataOfNode, modelOfNode } from "./support/one-node.ts";

const samples = {
  ...activationSamples,
  ...convolutionSamples,
  ...elementwiseSamples,
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
  // Of an operator of onnxruntime's own, which is among the composites below.
} satisfies Samples<Omit<typeof vjp, "com.microsoft.MatMulNBits">>;

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

describe("the gradient of a written-out activation is its difference quotient", () => {
  it.each(gated.map((sample) => [sample.text, sample] as const))("%s", (_, sample) =>
    checkGradients(sample),
  );
  it.each(nearlyGated.map((sample) => [sample.text, sample] as const))(
    "and of what is none: %s",
    (_, sample) => checkGradients(sample),
  );
});

describe("the gradient through what is opened first is its difference quotient", () => {
  it.for(
    [...openedSamples, ...loweredQuantised].map(
      (sample) => [`${sample.text} opset ${sample.opset ?? 18}`, sample] as const,
    ),
  )("%s", async ([, sample]) => {
    await checkGradients(sample);
  });
});

/** Without those whose numbers are too coarse, bend next to the point, or are infinite. */
const differentiable = composites.filter(
  ([label]) => !/half precision|HardSigmoid|scores of mode 2/.test(label),
);

describe("the gradient of a composite operator is its difference quotient", () => {
  it.for(differentiable)("%s", async ([, node]) => {
    const operands = dataOfNode(node);
    const floats = operands.filter(({ dtype }) => dtype === "float");
    const others = operands.filter(({ dtype }) => dtype !== "float");
    const point = floats.map(({ name, dims, values }) => [
      name,
      { dims, values: Float32Array.from(values) as unknown as Float64Array },
    ]);
    const feeds = others.map(({ name, dtype, data, dims }) => [
      name,
      tensorOfBytes(ort, dtype, data, dims),
    ]);
    await checkModel({
      model: modelOfNode(node),
      of: (node.outputs ?? [true]).flatMap((there, k) => (there ? [`o${k}`] : [])),
      point: Object.fromEntries(point),
      feeds: Object.fromEntries(feeds),
      numeric: NUMERIC.float,
    });
  });
});
