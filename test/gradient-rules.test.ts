import ort from "onnxruntime-node";
import { describe, it } from "vitest";
import { tensorOfBytes } from "../src/ort/tensors.ts";
import { gradientSamples } from "./gradient-samples/all.ts";
import { gated, nearlyGated } from "./gradient-samples/gates.ts";
import { openedSamples } from "./gradient-samples/opened.ts";
import { loweredQuantized } from "./gradient-samples/quantization.ts";
import { checkGradients, checkModel, NUMERIC } from "./support/check-gradients.ts";
import { composites } from "./support/composites.ts";
import { dataOfNode, modelOfNode } from "./support/one-node.ts";

describe.each(Object.entries(gradientSamples))(
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

describe("the gradient through what is lowered first is its difference quotient", () => {
  it.for(
    [...openedSamples, ...loweredQuantized].map(
      (sample) => [`${sample.text} opset ${sample.opset ?? 18}`, sample] as const,
    ),
  )("%s", async ([, sample]) => {
    await checkGradients(sample);
  });
});

/** Without those whose numbers are too coarse, bend next to the point, are infinite or integers. */
const differentiable = composites.filter(
  ([label]) => !/half precision|HardSigmoid|scores of mode 2|, counts/.test(label),
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
