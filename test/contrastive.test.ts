import fs from "node:fs";
import path from "node:path";
import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, FEATURES, LITTLE } from "./support/little-training.ts";
import { lossOn } from "./support/loss-on.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

/**
 * Loss, its gradient g by the vectors along cos(k), and |g|, of PyTorch 2.13 in float64 for
 * x = z(6, 4) as in loss-functions.test.ts:
 *
 *     p = cos(arange(24)).reshape(6, 4), n = cos(arange(24) + 5).reshape(6, 4), both as float32
 *     L = [0, 1, 0, 2, 1, 0]; same = (L[:, None] == L) & ~eye(6); diff = L[:, None] != L
 *     s = F.normalize(x) @ F.normalize(p).T / t; y = arange(6)
 *     pairs: F.cross_entropy(s, y), t = 0.07; symmetric: (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2, t = 0.5
 *     labels: mean over i of mean over j in same[i] of logsumexp(s[i, all but i]) - s[i, j], p = x, t = 0.2
 *     triplet: F.triplet_margin_loss(x, p, n, margin=0.8)
 *     hard: mean over i with same[i] of relu(max |x_i - x_j| in same[i] - min |x_i - x_k| in diff[i] + 1)
 *     all: mean over all i, j in same[i], k in diff[i] of relu(|x_i - x_j| - |x_i - x_k| + 0.3)
 *     outputs: pairs with p = x * x, t = 0.5; triplet outputs: F.triplet_margin_loss(x, x * x, -x)
 */
const FIGURES = {
  pairs: [8.9899093, -5.1977028, 2.1564634],
  symmetric: [2.0981952, -0.7968565, 0.2738463],
  labels: [5.2038132, 0.9825435, 1.1593496],
  triplet: [0.7462896, -0.299069, 0.19019],
  hard: [4.1107483, 2.0505159, 1.1726249],
  all: [1.7742539, 0.5122114, 0.4173729],
  outputs: [1.7089459, 0.0879896, 0.480305],
  "triplet outputs": [0.7698045, 0.8322612, 1.1549787],
} as const;

const wave = (count: number, from = 0) =>
  Array.from({ length: count }, (_, k) => Math.cos(k + from));
const floats = (values: readonly number[], dims: readonly number[]) =>
  new Tensor("float32", Float32Array.from(values), dims);
const labels = new Tensor("int64", BigInt64Array.from([0n, 1n, 0n, 2n, 1n, 0n]), [6]);
const [p, n] = [wave(24), wave(24, 5)];
const both = Array.from({ length: 6 }, (_, k) => [p, n].flatMap((x) => x.slice(k * 4, k * 4 + 4)));
const PAIRS = floats(p, [6, 4]);
const TRIPLETS = floats(both.flat(), [6, 2, 4]);

type Given = Pick<Parameters<typeof lossOn>[0], "loss" | "target" | "lossOptions" | "ending">;
const OUTPUTS = "out = Add(z, nil) p = Mul(out, out) n = Neg(out)";
const CASES: readonly [keyof typeof FIGURES, Given][] = [
  ["pairs", { loss: "info-nce", target: PAIRS }],
  [
    "symmetric",
    { loss: "info-nce", target: PAIRS, lossOptions: { temperature: 0.5, symmetric: true } },
  ],
  ["labels", { loss: "info-nce", target: labels, lossOptions: { temperature: 0.2 } }],
  ["triplet", { loss: "triplet", target: TRIPLETS, lossOptions: { margin: 0.8 } }],
  ["hard", { loss: "triplet", target: labels }],
  ["all", { loss: "triplet", target: labels, lossOptions: { mining: "all", margin: 0.3 } }],
  [
    "outputs",
    {
      loss: "info-nce",
      target: labels,
      ending: OUTPUTS,
      lossOptions: { positive: "p", temperature: 0.5 },
    },
  ],
  [
    "triplet outputs",
    {
      loss: "triplet",
      target: labels,
      ending: OUTPUTS,
      lossOptions: { positive: "p", negative: "n" },
    },
  ],
];

describe("losses that compare the rows of a batch", () => {
  it.each(CASES)("are those of PyTorch, value and gradient: %s", async (name, given) => {
    const { figures } = await lossOn({ dims: [6, 4], ...given });
    for (const [k, value] of figures.entries())
      expect(Math.abs(value - FIGURES[name][k]), `figure ${k}: ${value}`).toBeLessThan(1e-5);
  });

  const refused: [string, Given, RegExp][] = [
    [
      "vectors of another size",
      { loss: "info-nce", target: floats(wave(12), [6, 2]) },
      /a label for each row, or vectors .*\[6, 4\]/,
    ],
    [
      "two labels a row",
      { loss: "info-nce", target: new Tensor("int64", new BigInt64Array(12), [6, 2]) },
      /labels are one for each row, and these are \[6, 2\]/,
    ],
    ["one vector", { loss: "triplet", target: PAIRS }, /a positive and a negative \[6, 2, 4\]/],
    [
      "half of a pair",
      { loss: "triplet", target: labels, lossOptions: { positive: "p" } },
      /--positive and --negative belong together/,
    ],
    [
      "an output that is none",
      { loss: "info-nce", target: labels, lossOptions: { positive: "q" } },
      /the positive of loss info-nce is q, which is no output/,
    ],
  ];
  it.each(refused)("and refused in a sentence with %s", async (_, given, why) => {
    await expect(lossOn({ dims: [6, 4], ...given })).rejects.toThrow(why);
  });

  it("train two outputs towards each other from the command line, and need several rows", () => {
    const folder = temporaryFolder();
    const at = (name: string) => path.join(folder, name);
    const two = LITTLE.replace("p)", `p, float[N, ${FEATURES}] y, float[N, ${FEATURES}] f)`);
    fs.writeFileSync(at("two.onnx"), modelOfText(two));
    fs.writeFileSync(at("data.npz"), npzOf({ x: examples(32, "pairs").x }));
    const given = ["finetune", at("two.onnx"), "--data", at("data.npz"), "--feature-axis", "1"];
    const loss = ["--loss", "info-nce", "--output-name", "y", "--positive", "f", "--symmetric"];
    const more = ["-e", "8", "--lr", "0.05", "--train", "down", "-o", at("o.onnx"), "-f", "--json"];
    const ran = cli([...given, ...loss, ...more]);
    expect(ran.code, ran.stderr).toBe(0);
    const { epochs } = JSON.parse(ran.stdout);
    expect(epochs[7].train.loss).toBeLessThan(epochs[0].train.loss / 2);
    fs.writeFileSync(
      at("data.npz"),
      npzOf({ x: examples(4, "pairs").x, labels: [BigInt64Array.from([0n, 1n, 2n, 3n]), [4]] }),
    );
    const apart = ["--loss", "info-nce", "--output-name", "y", "--target", "labels"];
    const unlike = cli([...given, ...apart, ...more.slice(2)]);
    expect([unlike.code, unlike.stderr]).toEqual([
      1,
      expect.stringMatching(/no batch has two rows of one label .*info-nce compares/),
    ]);
    const single = cli([...given, ...loss, ...more, "-b", "1"]);
    expect([single.code, single.stderr]).toEqual([2, expect.stringMatching(/have one row; make/)]);
  });
});
