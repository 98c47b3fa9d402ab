import fs from "node:fs";
import type { FinetuneOptions } from "laurelize";
import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, littleTraining } from "./support/little-training.ts";
import { lossOn } from "./support/loss-on.ts";
import { npzOf } from "./support/npz-file.ts";

/**
 * Loss, its gradient g by the scores along cos(k), and |g|, of PyTorch 2.13 in float64:
 *
 *     z = lambda *d: torch.sin(1.7*torch.arange(torch.Size(d).numel())).mul(2).reshape(d).float().double().requires_grad_()
 *     def case(name, x, f):
 *         loss = f(x); g, = torch.autograd.grad(loss, x); g = g.flatten()
 *         d = torch.cos(torch.arange(g.numel()).double())
 *         print(name, loss.item(), (g*d).sum().item(), g.norm().item())
 *     y = torch.tensor([0, 2, 1, -100]); w = torch.tensor([1, 2, 0.5])
 *     q = torch.softmax(torch.sin(torch.arange(12).double()).reshape(4, 3), 1).float().double()
 *     t = torch.tensor([[0, 1, 1], [1, 0, 0.25], [0, 0, 1], [1, 1, 0]])
 *     gap = t.clone(); gap[0, 1] = nan; gap[2, 0] = -1; keep = ~(gap.isnan() | (gap == -1)); safe = torch.where(keep, gap, 0.)
 *     labels, shares: F.cross_entropy(z(4, 3), y or q, w, label_smoothing=s)
 *     axis 1: F.cross_entropy(z(2, 3, 2), torch.tensor([[0, 2], [1, -100]]), w, label_smoothing=0.1)
 *     focal: (-alpha[y]*(1-p)**gamma*log(p))[y != -100].mean(), p = softmax(z(4, 3))[y]
 *     focal shares: -(q*(1-p)**2*log(p)).sum(1).mean()
 *     bce: F.binary_cross_entropy_with_logits(z(4, 3), t, pos_weight=w)
 *     binary focal: torchvision.ops.sigmoid_focal_loss(z(4, 3), t, reduction='mean')
 *     mse, l1, huber, smooth: F.mse_loss, F.l1_loss, F.huber_loss(delta=0.7), F.smooth_l1_loss(beta=0.6)
 *     … gaps: f(z(4, 3), safe, reduction='none')[keep].mean()
 */
const FIGURES: Readonly<Record<string, readonly number[]>> = {
  "labels 0 plain": [1.8945539, -0.544629, 0.6197993],
  "shares 0 plain": [1.7301293, 0.1491968, 0.2687852],
  "labels 0 weights": [2.4293858, -0.6489389, 0.8325012],
  "shares 0 weights": [2.0784719, 0.0837387, 0.3574373],
  "labels 0.1 plain": [1.8922648, -0.4915185, 0.5808365],
  "shares 0.1 plain": [1.7376671, 0.1305992, 0.2669484],
  "labels 0.1 weights": [2.372485, -0.5907063, 0.779435],
  "shares 0.1 weights": [2.093079, 0.0710147, 0.3590752],
  "axis 1": [0.7226996, -0.2716603, 0.2907235],
  "focal 2": [1.5141488, -0.5531065, 0.7194433],
  "focal 0.5 weights": [2.7132117, -0.7865335, 1.0223784],
  "focal shares": [1.4439482, 0.1322333, 0.3401622],
  bce: [0.8429454, 0.2198788, 0.1542072],
  "bce pos": [0.9756237, 0.2641737, 0.1948336],
  "bce pos 3": [1.8014144, 0.5659467, 0.3689581],
  "bce gaps": [1.1229158, 0.3110824, 0.231702],
  "binary focal": [0.1662896, 0.0423877, 0.0653737],
  "binary focal 0.4 1.5": [0.2255671, 0.0763709, 0.071842],
  "binary focal gaps": [0.198853, 0.049379, 0.0784316],
  mse: [2.2375727, 0.6630156, 0.8636305],
  "mse gaps": [2.3924637, 0.9581592, 0.9782564],
  l1: [1.2052418, 0.1218886, 0.2763854],
  "l1 gaps": [1.2079822, 0.1882532, 0.3],
  huber: [0.6359663, 0.0480015, 0.177589],
  "huber gaps": [0.645344, 0.0869926, 0.1887181],
  smooth: [0.9473274, 0.0722809, 0.2550211],
  "smooth gaps": [0.9584849, 0.1287238, 0.271388],
  smooth0: [1.2052418, 0.1218886, 0.2763854],
  "smooth0 gaps": [1.2079822, 0.1882532, 0.3],
  "bce image": [1.3188328, 0.2195118, 0.2373444],
};

const LABELS = new Tensor("int64", BigInt64Array.from([0n, 2n, 1n, -100n]), [4]);
const raw = Float64Array.from({ length: 12 }, (_, k) => Math.exp(Math.sin(k)));
const SHARES = new Tensor(
  "float32",
  Float32Array.from(raw, (e, k) => {
    const from = k - (k % 3);
    return e / (raw[from] + raw[from + 1] + raw[from + 2]);
  }),
  [4, 3],
);
const T = [0, 1, 1, 1, 0, 0.25, 0, 0, 1, 1, 1, 0];
const floats = (values: readonly number[], dims = [4, 3]) =>
  new Tensor("float32", Float32Array.from(values), dims);
const FULL = floats(T);
const GAPS = floats(T.with(1, Number.NaN).with(6, -1));
const w = [1, 2, 0.5];

type Case = [name: string, loss: FinetuneOptions["loss"], target: Tensor, options?: object];
const CASES: readonly Case[] = [
  ["labels 0 plain", "cross-entropy", LABELS],
  ["labels 0 weights", "cross-entropy", LABELS, { classWeights: w }],
  ["labels 0.1 plain", "cross-entropy", LABELS, { labelSmoothing: 0.1 }],
  ["labels 0.1 weights", "cross-entropy", LABELS, { classWeights: w, labelSmoothing: 0.1 }],
  ["shares 0 plain", "cross-entropy", SHARES],
  ["shares 0 weights", "cross-entropy", SHARES, { classWeights: w }],
  ["shares 0.1 plain", "cross-entropy", SHARES, { labelSmoothing: 0.1 }],
  ["shares 0.1 weights", "cross-entropy", SHARES, { classWeights: w, labelSmoothing: 0.1 }],
  ["focal 2", "focal", LABELS],
  ["focal 0.5 weights", "focal", LABELS, { gamma: 0.5, alpha: w }],
  ["focal shares", "focal", SHARES],
  ["bce", "binary-cross-entropy", FULL],
  ["bce pos", "binary-cross-entropy", FULL, { posWeight: w }],
  ["bce pos 3", "binary-cross-entropy", FULL, { posWeight: [3] }],
  ["bce gaps", "binary-cross-entropy", GAPS, { posWeight: w, ignoreIndex: -1 }],
  ["binary focal", "binary-focal", FULL],
  ["binary focal 0.4 1.5", "binary-focal", FULL, { alpha: [0.4], gamma: 1.5 }],
  ["binary focal gaps", "binary-focal", GAPS, { ignoreIndex: -1 }],
  ["mse", "mse", FULL],
  ["mse gaps", "mse", GAPS, { ignoreIndex: -1 }],
  ["l1", "l1", FULL],
  ["l1 gaps", "l1", GAPS, { ignoreIndex: -1 }],
  ["huber", "huber", FULL, { delta: 0.7 }],
  ["huber gaps", "huber", GAPS, { delta: 0.7, ignoreIndex: -1 }],
  ["smooth", "smooth-l1", FULL, { beta: 0.6 }],
  ["smooth gaps", "smooth-l1", GAPS, { beta: 0.6, ignoreIndex: -1 }],
  ["smooth0", "smooth-l1", FULL, { beta: 0 }],
];

const near = (got: readonly number[], name: string) =>
  got.forEach((value, k) => {
    expect(Math.abs(value - FIGURES[name][k]), `${name}, figure ${k}: ${value}`).toBeLessThan(1e-6);
  });

describe("a loss and its gradient are those of PyTorch", () => {
  it.each(CASES)("%s", async (name, loss, target, lossOptions = {}) => {
    const got = await lossOn({ dims: [4, 3], loss, target, lossOptions });
    near(got.figures, name);
    expect(got.examples).toBe(examplesOf(name));
  });

  it("with classes on axis 1, and labels on the last axis of an image", async () => {
    const labels = new Tensor("int64", BigInt64Array.from([0n, 2n, 1n, -100n]), [2, 2]);
    const lossOptions = { classWeights: w, labelSmoothing: 0.1, classAxis: 1 };
    const axis = { dims: [2, 3, 2], loss: "cross-entropy" as const, target: labels, lossOptions };
    near((await lossOn(axis)).figures, "axis 1");
    const image = {
      dims: [2, 3, 1, 2],
      loss: "binary-cross-entropy" as const,
      target: floats([0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1], [2, 3, 1, 2]),
      lossOptions: { posWeight: w },
    };
    near((await lossOn(image)).figures, "bce image");
  });

  it("and the same if labels are not picked but one-hot, in old opsets", async () => {
    for (const name of ["labels 0.1 weights", "focal 0.5 weights", "bce gaps"]) {
      const [, loss, target, lossOptions] = CASES.find(([each]) => each === name)!;
      const opset = loss === "binary-cross-entropy" ? 9 : 8;
      const got = await lossOn({ dims: [4, 3], loss, target, lossOptions, opset });
      near(got.figures, name);
    }
  });
});

/** What a batch weighs: labels that count, or their weights; or elements that count. */
function examplesOf(name: string): number {
  if (name.startsWith("labels")) return name.endsWith("weights") ? 3.5 : 3;
  if (name.includes("shares")) return 4;
  if (name.startsWith("focal")) return 3;
  return name.endsWith("gaps") ? 10 : 12;
}

describe("numbers that fit no class are refused in a sentence", () => {
  it.each([
    ["cross-entropy", { classWeights: [1, 2] }, /--class-weights has 2 numbers, .* 3 classes/],
    ["focal", { alpha: [1, 2] }, /--alpha has 2 numbers, and the output has 3 classes/],
    ["cross-entropy", { labelSmoothing: 1 }, /labelSmoothing must be .* below 1/],
    ["cross-entropy", { classWeights: "balanced" }, /balanced is counted from the training data/],
    ["cross-entropy", { classWeights: [1, -2, 1] }, /classWeights must be .* at least 0/],
  ] as const)("%s with %j", async (loss, lossOptions, why) => {
    const got = lossOn({ dims: [4, 3], loss, target: LABELS, lossOptions });
    await expect(got).rejects.toThrow(why);
  });

  it.each([
    ["binary-cross-entropy", { posWeight: [1, 2] }, /--pos-weight has 2 numbers, .* 3 labels/],
    ["binary-focal", { alpha: [2] }, /--alpha of binary-focal must be one number from 0 to 1/],
  ] as const)("%s with %j", async (loss, lossOptions, why) => {
    const got = lossOn({ dims: [4, 3], loss, target: FULL, lossOptions });
    await expect(got).rejects.toThrow(why);
  });
});

describe("the command line", () => {
  it("takes lists of numbers, and says which values do not count", () => {
    const folder = temporaryFolder();
    const { at, run } = littleTraining(folder);
    const { x } = examples(8, "train");
    const gaps = Float32Array.from({ length: 24 }, (_, k) => (k % 5 ? k % 2 : Number.NaN));
    fs.writeFileSync(at("gaps.npz"), npzOf({ x, labels: [gaps, [8, 3]] }));
    const given = ["-e", "1", "--variant", "rw", "-o", at("o.onnx"), "--force"];
    const weighted = run("train.npz", "--class-weights", "1,2,0.5", ...given);
    expect(weighted.code, weighted.stderr).toBe(0);
    const settings = JSON.parse(fs.readFileSync(at("o.json"), "utf8")).settings;
    expect(settings["class-weights"]).toEqual([1, 2, 0.5]);
    const balanced = run("train.npz", "--class-weights", "balanced", ...given);
    expect(balanced.code, balanced.stderr).toBe(0);
    const { settings: counted } = JSON.parse(fs.readFileSync(at("o.json"), "utf8"));
    // scikit-learn's compute_class_weight("balanced"): n / (classes that occur · count).
    const labels = [...examples(256, "train").labels[0]].map(Number);
    const counts = [0, 1, 2].map((k) => labels.filter((label) => label === k).length);
    const occurring = counts.filter(Boolean).length;
    expect(counted["class-weights"]).toEqual(
      counts.map((count) => (count ? labels.length / (occurring * count) : 1)),
    );
    const word = run("train.npz", "--class-weights", "1,two", ...given);
    expect([word.code, word.stderr]).toEqual([
      2,
      expect.stringMatching(/class-weights takes balanced or a number/),
    ]);
    const loss = ["--loss", "binary-cross-entropy", "--target", "labels", "--feature-axis", "1"];
    const files = ["finetune", at("net.onnx"), "--data", at("gaps.npz")];
    const missing = cli([...files, ...loss, "--logits", ...given]);
    expect(missing.code, missing.stderr).toBe(0);
    expect(missing.stderr).toContain(
      "5 of 24 values of target labels of gaps.npz do not count: they are NaN.",
    );
    fs.writeFileSync(at("gaps.npz"), npzOf({ x, labels: [gaps.fill(Number.NaN), [8, 3]] }));
    const none = cli([...files, ...loss, ...given]);
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(/no value that counts: all are NaN/),
    ]);
  });
});
