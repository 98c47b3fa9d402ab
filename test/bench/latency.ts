import { fold, type Laurelized, laurelize, type Model, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { multiplyAdds } from "../../passes/fold/multiply-adds.ts";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { typesOf } from "../../src/model.ts";
import { mobilenetV2 } from "../support/mobilenet-v2.ts";
import { resnet50 } from "../support/resnet50.ts";
import { vitTiny } from "../support/vit-tiny.ts";
import { median } from "./measure.ts";
import { line } from "./print.ts";

const { onnx } = onnxProto;

const MODELS = { "ResNet-50": resnet50, MobileNetV2: mobilenetV2, "ViT-tiny": vitTiny };
const VARIANTS = ["rw", "lr", "rw+lr", "rw+lr+pa"] as const;
const SHAPE = [1, 3, 224, 224];
/** Pairs of runs: an odd number, and as many more as there is time for. */
const [LEAST, SECONDS, WARM] = [41, 6, 3];

/** One thread, fully optimized, as onnxruntime-node does it if not asked otherwise. */
const session = (model: Uint8Array) =>
  ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });

/**
 * What LAuReL costs in deployment: latency of the laurelized model over the original in
 * onnxruntime-node, on one thread and a batch of one, beside the multiply-adds. The new weights are
 * drawn at random, so that no product is by zero or one. Each figure is the median over pairs of
 * runs, one of each model, in turn first; the processor's time is told too, which other work on the
 * machine disturbs less. Folded models are what is deployed.
 */
export async function latency(): Promise<void> {
  line("\nlatency", "x products", "x time", "quartiles", "", "x processor");
  for (const [title, build] of Object.entries(MODELS)) {
    const bytes = build();
    const original = await openModel(bytes);
    const unfolded = await products(original);
    const before = await session(bytes);
    for (const variant of VARIANTS) {
      const laurel = await laurelize(original, { ort, variant, hash: false });
      const trained = await openModel(drawn(laurel));
      const forms = new Map([[variant as string, trained]]);
      if (variant === "rw" || variant === "rw+lr")
        forms.set(`${variant}, folded`, (await fold(trained, { ort })).model);
      for (const [form, model] of forms) {
        const after = await session(model.toBytes());
        const more = (await products(model)) / unfolded;
        const { wall, processor } = await pairs(before, after);
        const quartiles = [wall.length >> 2, (3 * wall.length) >> 2].map((at) => wall[at]);
        const figures = [more, median(wall), ...quartiles, median(processor)];
        line(`${title}, ${form}`, ...figures.map((figure) => figure.toFixed(3)));
        await after.release();
      }
    }
    await before.release();
  }
}

const products = async (model: Model): Promise<number> =>
  multiplyAdds(model.graph, (await typesOf(model, ort)).types)!;

/** The laurelized model, every new tensor filled at random in ±1/√n, n its longest axis. */
function drawn({ model, plan }: Laurelized): Uint8Array {
  const proto = onnx.ModelProto.decode(model.toBytes());
  const tensors = new Map(proto.graph!.initializer!.map((tensor) => [tensor.name, tensor]));
  for (const { parameters } of plan.sites)
    for (const { name, dtype, dims } of Object.values(parameters)) {
      const next = uniform(1, name);
      const scale = 1 / Math.sqrt(Math.max(1, ...dims));
      const count = dims.reduce((a, b) => a * b, 1);
      const values = Float64Array.from({ length: count }, () => scale * (2 * next() - 1));
      tensors.get(name)!.rawData = encodeNumbers(dtype, values);
    }
  return onnx.ModelProto.encode(proto).finish();
}

/** Ratios of the second session's time over the first's, sorted, by the clock and by the processor. */
async function pairs(before: ort.InferenceSession, after: ort.InferenceSession) {
  const next = uniform(1, "input");
  const size = SHAPE.reduce((a, b) => a * b, 1);
  const input = new ort.Tensor(
    Float32Array.from({ length: size }, () => 2 * next() - 1),
    SHAPE,
  );
  const timed = async (one: ort.InferenceSession) => {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await one.run({ input });
    const { user, system } = process.cpuUsage(used);
    return { wall: performance.now() - start, processor: user + system };
  };
  const ratios: { wall: number[]; processor: number[] } = { wall: [], processor: [] };
  const end = performance.now() + 1000 * SECONDS;
  for (let k = -WARM; k < LEAST || performance.now() < end || k % 2 === 0; k++) {
    const order = k % 2 === 0 ? [before, after] : [after, before];
    const times = new Map<ort.InferenceSession, Awaited<ReturnType<typeof timed>>>();
    for (const one of order) times.set(one, await timed(one));
    const [a, b] = [times.get(before)!, times.get(after)!];
    if (k < 0) continue;
    ratios.wall.push(b.wall / a.wall);
    ratios.processor.push(b.processor / a.processor);
  }
  ratios.wall.sort((a, b) => a - b);
  return ratios;
}
