import fs from "node:fs";
import path from "node:path";
import { uniform } from "../../src/graph/random.ts";
import { cli, type Ran } from "./cli.ts";
import { npzOf } from "./npz-file.ts";
import { modelOfText } from "./onnx-text.ts";

export const [FEATURES, CLASSES] = [8, 3];

/** A block and a head; training takes a second. */
export const LITTLE = `<ir_version: 8, opset_import: ["" : 17]>
net (float[N, ${FEATURES}] x) => (float[N, ${CLASSES}] p)
<float[${FEATURES}, 16] up, float[16, ${FEATURES}] down, float[${FEATURES}, ${CLASSES}] head>
{
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  [res] y = Add(x, f)
  logits = MatMul(y, head)
  p = Softmax<axis = -1>(logits)
}`;

/** Examples whose label is where the largest of three features lies. */
export function examples(
  rows: number,
  label: string,
): Record<string, [Float32Array | BigInt64Array, number[]]> {
  const next = uniform(3, label);
  const x = Float32Array.from({ length: rows * FEATURES }, () => 2 * next() - 1);
  const labels = Array.from({ length: rows }, (_, k) => {
    const some = [...x.subarray(k * FEATURES, k * FEATURES + CLASSES)];
    return BigInt(some.indexOf(Math.max(...some)));
  });
  return { x: [x, [rows, FEATURES]], labels: [BigInt64Array.from(labels), [rows]] };
}

/** What the command line is told of the little training, beside its files; more threads would only wait. */
export const TOWARDS = [
  ...["--loss", "cross-entropy", "--target", "labels"],
  ...["--feature-axis", "1", "--threads", "1"],
];

/** The little model and its data in a folder, and how to tune it there. */
export function littleTraining(folder: string) {
  const at = (name: string) => path.join(folder, name);
  fs.writeFileSync(at("net.onnx"), modelOfText(LITTLE));
  fs.writeFileSync(at("train.npz"), npzOf(examples(256, "train")));
  fs.writeFileSync(at("val.npz"), npzOf(examples(64, "val")));
  const args = (data: string, ...more: string[]) => [
    "finetune",
    at("net.onnx"),
    "--data",
    at(data),
    ...TOWARDS,
    ...more,
  ];
  const run = (data: string, ...more: string[]): Ran => cli(args(data, ...more));
  return { at, args, run };
}
