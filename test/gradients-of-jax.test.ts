import fs from "node:fs";
import path from "node:path";
import { defaultDevice, grad, init, numpy as np } from "@jax-js/jax";
import { ONNXModel } from "@jax-js/onnx";
import {
  differentiate,
  laurelize,
  type Model,
  openModel,
  type Tensors,
  weightOf,
  weightsAsInputs,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort, { type Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { toFloat64 } from "../src/ort/tensors.ts";
import { tensorsOfNpz } from "./support/npz.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";

// Before jax-js is imported: onnxruntime-web leaves a Worker that takes no blob; without one, jax-js
// runs in this thread.
vi.hoisted(() => vi.stubGlobal("Worker", undefined));

const { onnx } = onnxProto;

interface Truth {
  readonly model: string;
  readonly file: string;
  readonly npz: string;
  readonly output_name: string;
}

const corpus = process.env.LAURELIZE_CORPUS;
if (!corpus) console.warn("gradients of jax-js: skipped, LAURELIZE_CORPUS is not set");
const truths: Truth[] = corpus
  ? JSON.parse(fs.readFileSync(path.join(corpus, "gradients/gradients.json"), "utf8"))
  : [];

/** Models whose operators jax-js has, the cheapest first; two of them in `npm test`. */
const MODELS = [
  "hf_vit",
  "hf_gpt2",
  "hf_gemma3",
  "hf_segformer",
  "hf_swin",
  "hf_t5",
  "hf_whisper_encoder",
  "timm_test_convnext",
  "timm_test_convnext3",
  "timm_test_mambaout",
  "timm_test_vit",
  "timm_test_vit4",
];

/** ‖got − want‖ / ‖want‖ of all weights together; measured: up to 2.4e-6. */
const TOLERANCE = 1e-5;

/** Values away from those that weights start with, so that every gradient counts. */
function valuesOf(model: Model, names: readonly string[]): Tensors {
  const drawn = names.map((name) => {
    const { dims } = weightOf(model, name);
    const next = uniform(1, name);
    const length = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length }, () =>
      length === 1 ? 0.9 + 0.2 * next() : 0.2 * (2 * next() - 1),
    );
    return [name, new ort.Tensor("float32", data, [...dims])] as const;
  });
  return Object.fromEntries(drawn);
}

/** Writes BatchNormalization and GlobalAveragePool of images, which jax-js lacks, in plainer operators. */
function inPlainOperators(bytes: Uint8Array): Uint8Array {
  const proto = onnx.ModelProto.decode(bytes);
  const graph = proto.graph!;
  const shape = BigInt64Array.from([1n, -1n, 1n, 1n]);
  const raw = new Uint8Array(shape.buffer);
  graph.initializer!.push(
    onnx.TensorProto.fromObject({ name: "wide", dims: [4], dataType: 7, rawData: raw }),
  );
  const places = { name: "axes", type: 7, ints: [2, 3] };
  graph.node = graph.node!.flatMap((node): typeof graph.node & object => {
    if (node.opType === "GlobalAveragePool")
      return [onnx.NodeProto.fromObject({ ...node, opType: "ReduceMean", attribute: [places] })];
    if (node.opType !== "BatchNormalization") return [node];
    const [x, ...parameters] = node.input!;
    const [y] = node.output!;
    const epsilon = node.attribute!.find(({ name }) => name === "epsilon")?.f ?? 1e-5;
    const eps = {
      name: `${y}.eps`,
      dims: [],
      dataType: 1,
      rawData: new Uint8Array(Float32Array.of(epsilon).buffer),
    };
    graph.initializer!.push(onnx.TensorProto.fromObject(eps));
    const make = (opType: string, input: string[], output: string) =>
      onnx.NodeProto.fromObject({ opType, input, output: [output] });
    const [s, b, m, v] = parameters.map((_, k) => `${y}.wide${k}`);
    return [
      ...parameters.map((name, k) => make("Reshape", [name, "wide"], `${y}.wide${k}`)),
      make("Sub", [x, m], `${y}.apart`),
      make("Add", [v, eps.name], `${y}.variance`),
      make("Sqrt", [`${y}.variance`], `${y}.deviation`),
      make("Div", [`${y}.apart`, `${y}.deviation`], `${y}.normal`),
      make("Mul", [`${y}.normal`, s], `${y}.scaled`),
      make("Add", [`${y}.scaled`, b], y),
    ];
  });
  return onnx.ModelProto.encode(proto).finish();
}

/** A tensor as jax-js takes it. */
const arrayOf = ({ type, data, dims }: Tensor) =>
  (type === "float32"
    ? np.array(data as Float32Array)
    : np.array(Int32Array.from(data as Int32Array, Number))
  ).reshape([...dims]);

/** The gradients of Σ cotangent · output by jax-js, by weight. */
async function byJax(
  model: Uint8Array,
  fed: Tensors,
  weights: Tensors,
  of: string,
  cotangent: Tensor,
) {
  const jax = new ONNXModel(Uint8Array.from(model));
  const arrays = (tensors: Tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, arrayOf(tensor)]));
  const loss = (given: Record<string, np.Array>) =>
    jax
      .run({ ...arrays(fed), ...given })
      [of].mul(arrayOf(cotangent))
      .sum();
  const gradients = grad(loss)(arrays(weights));
  const data = Object.entries(gradients).map(
    async ([name, array]) => [name, (await array.data()) as Float32Array] as const,
  );
  return Object.fromEntries(await Promise.all(data));
}

describe.skipIf(!corpus)("gradients of LAuReL's weights are those of jax-js", () => {
  afterAll(() => void vi.unstubAllGlobals());

  beforeAll(async () => {
    await init("wasm");
    defaultDevice("wasm");
  });

  it.for(isNightly ? MODELS : MODELS.slice(0, 2))("%s", async (name) => {
    const truth = truths.find(({ model }) => model === name)!;
    const arrays = tensorsOfNpz(fs.readFileSync(path.join(corpus!, truth.npz)));
    const { model, plan } = await laurelize(await openModel(path.join(corpus!, truth.file)), {
      ort,
      variant: "rw+lr",
      normalize: "none",
      rank: 4,
    });
    const wrt = plan.sites.flatMap(({ parameters }) =>
      Object.values(parameters).map((parameter) => parameter.name),
    );
    const weights = valuesOf(model, wrt);
    const open = weightsAsInputs(model, wrt);
    const fed = Object.fromEntries(
      Object.entries(arrays).flatMap(([key, tensor]) =>
        key.startsWith("input:") ? [[key.slice("input:".length), tensor] as const] : [],
      ),
    );
    const dims = open.graph.file.graph.inputs.flatMap(({ name, type }) =>
      (type?.tensor?.shape?.dims ?? []).flatMap(({ param }, axis) =>
        param === "" ? [] : [[param, fed[name].dims[axis]] as const],
      ),
    );
    const of = truth.output_name;
    const sizes = Object.fromEntries(dims);
    const ours = await differentiate(open, { ort, of: [of], wrt, dims: sizes });
    const session = await sessionOn(ours.model.toBytes(), { logSeverityLevel: 4 });
    const seed = { [ours.cotangents[of]!]: arrays.cotangent };
    const outputs = await session.run({ ...fed, ...weights, ...seed });
    await session.release();
    const theirs = await byJax(
      inPlainOperators(open.toBytes()),
      fed,
      weights,
      of,
      arrays.cotangent,
    );
    let [off, size] = [0, 0];
    for (const weight of wrt) {
      const got = toFloat64(outputs[ours.gradients[weight]!]);
      expect(got.length).toBe(theirs[weight].length);
      for (const [k, value] of theirs[weight].entries()) {
        off += (got[k] - value) ** 2;
        size += value ** 2;
      }
    }
    console.log(name, Math.sqrt(off / size).toExponential(1));
    expect(size).toBeGreaterThan(0);
    expect(Math.sqrt(off / size)).toBeLessThan(TOLERANCE);
  });
});
