import {
  differentiate,
  type LossName,
  laurelize,
  type Model,
  openModel,
  stepGraph,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { webPackage } from "../bin/web-package.ts";
import { missingKernels, readKernels } from "../passes/check/web-kernels.ts";
import { optimizers } from "../passes/optimizers/index.ts";
import { type VariantName, variantNames } from "../passes/variants/index.ts";
import { gradientSamples } from "./gradient-samples/all.ts";
import { sampleModel } from "./support/check-gradients.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { swept } from "./support/sweep.ts";

/** onnxruntime-web's own table of WebGPU kernels; what it lacks runs on the CPU, by wasm. */
const installed = webPackage();
const kernels = readKernels(installed!.kernels!);

const open = (text: string, outputs: string, nodes: string, more = "") =>
  openModel(
    modelOfText(
      `<ir_version: 8, opset_import: ["" : 17]> net (${text}) => (${outputs}) <float[8, 16] up, float[16, 8] down${more}> { ${nodes} }`,
    ),
  );

const BLOCK = "wide = MatMul(x, up) a = Relu(wide) f = MatMul(a, down) [res] y = Add(x, f)";
const IMAGE =
  "a = Relu(x) f = Conv<pads = [1, 1, 1, 1]>(a, w) [one] y = Add(x, f) g = Conv<pads = [1, 1, 1, 1]>(y, w) [two] z = Add(y, g)";

interface Towards {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Shape of the input, and what makes the output `out` of the block. */
  readonly input?: readonly number[];
  readonly ending?: string;
}

const LABELS: Towards = { dtype: "int64", shape: [6] };
const VALUES: Towards = { dtype: "float", shape: [6, 8] };

/** A target for every loss. */
const TARGETS: Readonly<Record<LossName, Towards | null>> = {
  "cross-entropy": LABELS,
  focal: LABELS,
  "binary-cross-entropy": VALUES,
  "binary-focal": VALUES,
  mse: VALUES,
  l1: VALUES,
  huber: VALUES,
  "smooth-l1": VALUES,
  cosine: VALUES,
  ctc: { dtype: "int64", shape: [6, 2], input: [6, 5, 8] },
  triplet: LABELS,
  "info-nce": LABELS,
  distillation: VALUES,
  output: null,
};

async function stepModel(loss: LossName, optimizer: string) {
  const target = TARGETS[loss];
  const input = target?.input ?? [6, 8];
  const ending = target ? "out = Identity(y)" : "out = ReduceMean<keepdims = 0>(y)";
  const shape = target ? `[${["N", ...input.slice(1)]}]` : "";
  const plain = await open(
    `float[${["N", ...input.slice(1)]}] x`,
    `float${shape} out`,
    `${BLOCK} ${ending}`,
  );
  const { model } = await laurelize(plain, { ort, variant: "rw", featureAxis: input.length - 1 });
  const { whole } = await stepGraph(model, {
    ort,
    loss,
    optimizer: optimizer as "sgd",
    inputs: { x: input },
    ...(target ? { target: { name: "t", type: target } } : {}),
  });
  return whole;
}

/** Which part of a step writes an operator that the table lacks, and which loss, variant or rule. */
const lacking = { losses: new Map(), variants: new Map(), gradients: new Map() } as const;
const note = (part: keyof typeof lacking, from: string, ops: readonly string[]) => {
  const known: Map<string, Set<string>> = lacking[part];
  for (const op of ops) known.set(op, new Set([...(known.get(op) ?? []), from]));
};
const lacked = (model: Model) => missingKernels(model, kernels).map(({ op }) => op);

/** What runs on the CPU in a step of a model whose own operators all have kernels. */
const FALL_BACK = {
  losses: "Identity IsNaN LogSoftmax Max Min Or ScatterElements Sign Size Softplus",
  variants: "",
  gradients: "DepthToSpace Identity Mod OneHot ScatterElements Sign Softplus SpaceToDepth",
};

describe("operators of a step graph that WebGPU has no kernels for", () => {
  it("are those listed here, over all losses, optimizers, variants and gradient rules", async () => {
    // Each loss with one optimizer, and one loss with all.
    for (const [k, loss] of (Object.keys(TARGETS) as LossName[]).entries())
      for (const [n, { name }] of optimizers.entries())
        if (loss === "mse" || k % optimizers.length === n)
          note("losses", loss, lacked(await stepModel(loss, name)));
    const rows = await open("float[N, 8] x", "float[N, 8] y", BLOCK);
    const inner = ", float[4, 4, 3, 3] w";
    const images = await open("float[N, 4, 6, 6] x", "float[N, 4, 6, 6] z", IMAGE, inner);
    // The last has all parts; every part is also in one of the others.
    for (const variant of swept([...variantNames].reverse(), 3) as VariantName[])
      for (const plain of [rows, images]) {
        const { model } = await laurelize(plain, { ort, variant, featureAxis: 1 });
        note("variants", variant, lacked(model));
      }
    for (const [rule, [sample]] of Object.entries(gradientSamples)) {
      const model = await openModel(sampleModel(sample));
      const forward = new Set(lacked(model));
      const wrt = Object.keys(sample.inputs);
      const { model: back } = await differentiate(model, { ort, wrt, of: sample.of ?? ["y"] });
      note(
        "gradients",
        rule,
        lacked(back).filter((op) => !forward.has(op)),
      );
    }
    const found = Object.entries(lacking).map(
      ([part, ops]) => [part, [...ops].sort(([a], [b]) => (a < b ? -1 : 1))] as const,
    );
    const lines = found.map(
      ([part, ops]) =>
        `  ${part}: ${ops.map(([op, from]) => `${op} (${[...from].join(", ")})`).join(", ") || "none"}\n`,
    );
    process.stdout.write(
      `onnxruntime-web ${installed!.version} has no WebGPU kernels for these operators of a step:\n${lines.join("")}`,
    );
    const names = found.map(([part, ops]) => [part, ops.map(([op]) => op).join(" ")]);
    expect(Object.fromEntries(names)).toEqual(FALL_BACK);
  });
});
