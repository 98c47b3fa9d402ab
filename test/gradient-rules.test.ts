import { differentiate, type Model, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { tensorOfBytes } from "../src/ort/tensors.ts";
import { gradientSamples } from "./gradient-samples/all.ts";
import { gated, nearlyGated } from "./gradient-samples/gates.ts";
import { openedSamples } from "./gradient-samples/opened.ts";
import { loweredQuantized } from "./gradient-samples/quantization.ts";
import type { Sample } from "./gradient-samples/sample.ts";
import { checkGradients, checkModel, NUMERIC, sampleModel } from "./support/check-gradients.ts";
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

/** Whether some nodes of a sample are differentiated as one, which a rule of a user's prevents. */
async function isJoined(sample: Sample): Promise<boolean> {
  const model = await openModel(sampleModel(sample));
  const given = { ort, wrt: Object.keys(sample.inputs), of: ["y"] };
  const alone = await differentiate(model, { ...given, rules: { Ceil: () => [] } });
  const operators = ({ graph: { main } }: Model) => String(main.nodes.map(({ op }) => op));
  return operators((await differentiate(model, given)).model) !== operators(alone.model);
}

describe("the gradient of a written-out activation or norm is its difference quotient", () => {
  it.each(gated.map((sample) => [sample.text, sample] as const))("%s", async (_, sample) => {
    expect(await isJoined(sample)).toBe(true);
    await checkGradients(sample);
  });
  it.each(nearlyGated.map((sample) => [sample.text, sample] as const))(
    "and of what is none: %s",
    async (_, sample) => {
      expect(await isJoined(sample)).toBe(false);
      await checkGradients(sample);
    },
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
  ([label]) => !/half precision|HardSigmoid|scores of mode 2|, counts|QMoE of 8/.test(label),
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
