import { laurelize, openModel, prove, type VariantName } from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { type Ort, withSession } from "../../src/ort/session.ts";
import { type LargeForm, largeGraph } from "../support/large-graph.ts";
import { mobilenetV2 } from "../support/mobilenet-v2.ts";
import { resnet50 } from "../support/resnet50.ts";
import { vitTiny } from "../support/vit-tiny.ts";
import { median, times } from "./measure.ts";

turnOffTelemetry();

// node dist/bench/proof.mjs <form> <nodes> [<variant>], or <model> <times> [<variant>]: processor
// seconds of loading and running the original once, fully optimized and without idle threads, and of
// a full proof; medians of a model's. And the peak of memory in GB. As JSON.

/** Models of a size that is often deployed, and the shape of their input. */
const MODELS = { MobileNetV2: mobilenetV2, "ViT-tiny": vitTiny, "ResNet-50": resnet50 };
const [name, count, variant = "rw+lr"] = process.argv.slice(2);
const given = Object.hasOwn(MODELS, name)
  ? { bytes: MODELS[name as keyof typeof MODELS](), shape: [1, 3, 224, 224], runs: Number(count) }
  : { ...largeGraph(name as LargeForm, Number(count)), shape: [1, 4], runs: 1 };
const { bytes, shape, runs } = given;
const size = shape.reduce((a, b) => a * b, 1);

/** Processor seconds that some work takes, those of onnxruntime's threads included. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const used = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1e6;
}

const model = await openModel(bytes);
const result = await laurelize(model, { ort, variant: variant as VariantName });
const [input] = model.graph.main.inputs;
const feeds = { [input.name]: new ort.Tensor(new Float32Array(size), shape) };
const originals: number[] = [];
const proofs: number[] = [];
let passed = true;
for (const _ of times(runs, () => null)) {
  const load = () =>
    withSession(ort as Ort, { model: bytes }, "all", (session) => session.run(feeds));
  originals.push(await timed(load));
  proofs.push(
    await timed(async () => {
      passed &&= (await prove(result, { ort })).passed;
    }),
  );
}
const [original, proof] = [median(originals), median(proofs)];
const sites = result.plan.sites.length;
const memory = process.resourceUsage().maxRSS / 2 ** 20;
console.log(JSON.stringify({ sites, passed, original, proof, memory }));
