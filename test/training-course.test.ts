import { createHash } from "node:crypto";
import fs from "node:fs";
import { openModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { gotWorse } from "../passes/finetune/advice.ts";
import { tiedWeights } from "../passes/finetune/tied-weights.ts";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, littleTraining, TOWARDS } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();
const { at, run } = littleTraining(folder);
const log = (name: string) => JSON.parse(fs.readFileSync(at(`${name}.json`), "utf8"));

describe("a training's course", { timeout: 120_000 }, () => {
  it("trains a last, smaller batch, and counts it by the examples in it", () => {
    fs.writeFileSync(at("ten.npz"), npzOf(examples(10, "ten")));
    const ran = run("ten.npz", "-b", "4", "-e", "2", "--rank", "2", "-o", at("ten.onnx"));
    expect(ran.code, ran.stderr).toBe(0);
    const { steps, epochs } = log("ten");
    expect(steps.map((step: { examples: number }) => step.examples)).toEqual([4, 4, 2, 4, 4, 2]);
    const [a, b, c] = steps.map((step: { loss: number }) => step.loss);
    expect(epochs[0].train.loss).toBeCloseTo((4 * a + 4 * b + 2 * c) / 10, 6);
  });

  it("continues for more epochs without --force if its schedule is defined by steps", () => {
    const digest = (name: string) =>
      createHash("sha256")
        .update(fs.readFileSync(at(`${name}.onnx`)))
        .digest("hex");
    const cosine = ["--schedule", "cosine", "--schedule-steps", "20", "--rank", "2", "-b", "64"];
    for (const [schedule, ...how] of [
      ["constant", "--warmup", "3", "--rank", "2"],
      ["cosine", ...cosine],
    ]) {
      const course = (epochs: string, name: string, ...more: string[]) =>
        run("train.npz", ...how, "-e", epochs, "-o", at(`${name}.onnx`), ...more);
      expect(course("2", `${schedule}-part`).code).toBe(0);
      const more = course("4", `${schedule}-part`, "--resume");
      expect(more.code, more.stderr).toBe(0);
      expect(course("4", `${schedule}-whole`).code).toBe(0);
      expect(digest(`${schedule}-part`)).toBe(digest(`${schedule}-whole`));
    }
    const open = ["--schedule", "cosine", "--rank", "2", "-o", at("open.onnx")];
    expect(run("train.npz", ...open, "-e", "1").code).toBe(0);
    const refused = run("train.npz", ...open, "-e", "2", "--resume");
    expect(refused.stderr).toMatch(/--schedule-steps 8, and this one has 16/);
  });

  it("names a tied weight that the exporter copied", async () => {
    const tied = `<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 16] x) => (float[N, 20] p)
<float[16, 20] up, float[20, 16] down, float[16, 20] twin, float[2] zero = {0, 0}, int64[2] pairs = {-1, 2}, int64[2] rows = {-1, 20}>
{
  wide = MatMul(x, up)
  p2 = Reshape(wide, pairs) q2 = Add(p2, zero) r2 = Relu(q2) s2 = Add(r2, zero)
  nonlinear = Reshape(s2, rows)
  f = MatMul(nonlinear, down)
  y = Add(x, f)
  p = MatMul(y, twin)
}`;
    const { onnx } = (await import("onnx-proto")).default;
    const decoded = onnx.ModelProto.decode(modelOfText(tied));
    const [, down, twin] = decoded.graph!.initializer!;
    const from = new Float32Array(new Uint8Array(down.rawData!).buffer);
    const turned = Float32Array.from(from, (_, k) => from[(k % 20) * 16 + Math.floor(k / 20)]);
    twin.rawData = new Uint8Array(turned.buffer);
    fs.writeFileSync(at("tied.onnx"), onnx.ModelProto.encode(decoded).finish());
    expect(
      cli([at("tied.onnx"), "--feature-axis", "1", "--rank", "2", "-o", at("tied.laurel.onnx")])
        .code,
    ).toBe(0);
    const model = await openModel(at("tied.laurel.onnx"));
    const pair = { weight: "twin", copy: "down", transposed: true };
    expect(tiedWeights(model, ["twin"])).toEqual([{ ...pair, isTrained: false }]);
    expect(tiedWeights(model, ["twin", "down"]).map(({ isTrained }) => isTrained)).toEqual([true]);
    expect(tiedWeights(model, ["up"])).toEqual([]);
    const data = {
      x: [new Float32Array(64).fill(0.1), [4, 16]],
      labels: [BigInt64Array.of(0n, 1n, 2n, 3n), [4]],
    } as const;
    fs.writeFileSync(at("tied.npz"), npzOf(data));
    const ran = cli([
      "finetune",
      at("tied.laurel.onnx"),
      "--data",
      at("tied.npz"),
      ...TOWARDS,
      "-e",
      "1",
      "--train",
      "twin",
      "--train",
      "zero",
      "-o",
      at("t.onnx"),
    ]);
    expect(ran.stderr).toMatch(
      /warning: zero \(read by 2 nodes\) holds a single number: .* as one/,
    );
    expect(ran.stderr).toMatch(
      /warning: twin and down hold the same numbers, transposed: .*--train 'down'/,
    );
  });
});

describe("a run that got worse", () => {
  const epoch = (epoch: number, train: number, held: number | null) => ({
    epoch,
    step: epoch,
    train: { loss: train, metrics: {} },
    eval: held === null ? null : { rows: 1, examples: 1, loss: held, metrics: {} },
  });
  const said = (before: number | null, losses: [number, number | null][], best: number) => {
    const epochs = losses.map(([train, held], k) => epoch(k + 1, train, held));
    const at = epochs[best - 1];
    const start = before === null ? null : { rows: 1, examples: 1, loss: before, metrics: {} };
    const loss = (at.eval ?? at.train).loss;
    const which = { epoch: best, loss, value: loss, confusion: null, weights: {} };
    return gotWorse({ epochs, before: start, best: which }, { lr: 1e-3, patience: null });
  };

  it("says since when, and what to try", () => {
    expect(
      said(
        2,
        [
          [1, 1],
          [0.8, 0.9],
          [0.6, 1.1],
          [0.4, 1.2],
        ],
        2,
      ),
    ).toMatch(
      /evaluation loss got worse after epoch 2: 0.9000 there, 1.200 after epoch 4; .*--patience 2/,
    );
    expect(
      said(
        2,
        [
          [1, 1],
          [1.2, 1.1],
          [1.5, 1.4],
        ],
        1,
      ),
    ).toMatch(/worse after epoch 1: .*--lr 0.0001/);
    expect(
      said(
        1,
        [
          [1, 1.3],
          [1.2, 1.4],
        ],
        1,
      ),
    ).toMatch(/no epoch brought the evaluation loss below the 1.000/);
    expect(
      said(
        null,
        [
          [1, null],
          [1.5, null],
        ],
        1,
      ),
    ).toMatch(/training loss got worse after epoch 1/);
  });

  it("and nothing of one that got better, or stayed within a hundredth", () => {
    expect(
      said(
        2,
        [
          [1, 1],
          [0.8, 0.9],
        ],
        2,
      ),
    ).toBeNull();
    expect(
      said(
        null,
        [
          [1, null],
          [1.005, null],
        ],
        1,
      ),
    ).toBeNull();
  });
});
