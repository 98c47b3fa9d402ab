import fs from "node:fs";
import path from "node:path";
import {
  laurelize,
  type Model,
  openModel,
  prove,
  fit as train,
  type VariantName,
  weightOf,
  withWeights,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { decodeNumbers } from "../src/graph/tensor.ts";
import { checksThat, made } from "./support/checks.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { examples } from "./support/little-training.ts";
import { modelOfText } from "./support/onnx-text.ts";

const variants = ["rw+lr", "rw+lr+pa"] as const;
const convolutions = (dtype: string) =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    net (${dtype}[N, 4, 6, 6] x) => (${dtype}[N, 4, 6, 6] y) <${dtype}[4, 4, 3, 3] w, ${dtype}[4, 4, 1, 1] v>
    { a = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(a) b = Conv(r, v) [res] y = Add(b, x) }`);

const augmented = async (bytes: Uint8Array, variant: VariantName) =>
  laurelize(await openModel(bytes), { ort, variant, rank: 4 });

describe("a stream in float16", () => {
  it("is proved if onnxruntime loads it only with basic optimizations", async () => {
    // It cannot type the cast that it puts before one that casts float16 to itself.
    const bytes = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      net (float16[N, 8] x) => (float16[N, 8] out) <float16[8, 8] w>
      { f = MatMul(x, w) s = Softmax(f) d = Cast<to = 10>(s) [res] y = Add(x, d) out = Tanh(y) }`);
    const proof = await prove(await augmented(bytes, "rw+lr"), { ort });
    expect(proof.passed).toBe(true);
  });

  it.each(variants)("is proved whole, its new weights float16: %s", async (variant) => {
    for (const bytes of [fixture("bottleneck-half-precision"), convolutions("float16")]) {
      const laurel = await augmented(bytes, variant);
      const proof = await prove(laurel, { ort });
      expect(checksThat("failed", proof).concat(checksThat("not run", proof))).toEqual([]);
      const [{ parameters }] = laurel.plan.sites;
      expect(new Set(Object.values(parameters).map(({ dtype }) => dtype))).toEqual(
        new Set(["float16"]),
      );
    }
  });
});

describe("a stream in bfloat16", () => {
  it.each(variants)(
    "is not run, which is said, and proved at its sites on a float copy: %s",
    async (variant) => {
      for (const bytes of [fixture("bfloat16-stream"), convolutions("bfloat16")]) {
        const laurel = await augmented(bytes, variant);
        const proof = await prove(laurel, { ort });
        expect(proof.passed).toBe(false);
        expect(checksThat("not run", proof)).toEqual(["same function", "it can learn"]);
        expect(checksThat("failed", proof)).toEqual([]);
        for (const name of ["same sum at each site", "right formula"] as const) {
          const [site] = made(name, proof).sites;
          expect(site).toMatchObject({ passed: true, floatCopy: true });
        }
        const [{ parameters }] = laurel.plan.sites;
        for (const { dtype } of Object.values(parameters)) expect(dtype).toBe("bfloat16");
      }
    },
  );

  it("is trained as its copy in float is, and its tuned weights are rounded", async () => {
    const text = (dtype: string) => `<ir_version: 8, opset_import: ["" : 17]>
      net (${dtype}[N, 8] x) => (${dtype}[N, 3] out) <${dtype}[8, 8] w, ${dtype}[8, 3] head>
      { f = MatMul(x, w) r = Relu(f) y = Add(x, r) z = MatMul(y, head) out = Cast<to = ${dtype === "float" ? 1 : 16}>(z) }`;
    const brain = await openModel(modelOfText(text("bfloat16")));
    const numbers = (model: Model, name: string) => {
      const { dtype, data } = weightOf(model, name);
      return decodeNumbers(dtype, data);
    };
    const names = ["w", "head"];
    const copies = names.map((name): [string, Uint8Array] => [
      name,
      new Uint8Array(Float32Array.from(numbers(brain, name)).buffer),
    ]);
    const float = withWeights(await openModel(modelOfText(text("float"))), new Map(copies));
    const { x, labels } = examples(8, "brain");
    const data = [
      {
        x: new ort.Tensor("float32", x[0] as Float32Array, x[1]),
        labels: new ort.Tensor("int64", labels[0] as BigInt64Array, labels[1]),
      },
    ];
    const notes: string[] = [];
    const asked = { ort, data, loss: "cross-entropy", target: "labels", train: names } as const;
    const given = { ...asked, threads: 1, epochs: 3, lr: 0.05, optimizer: "sgd" } as const;
    const tuned = await train(brain, { ...given, onNote: (note) => notes.push(note) });
    const wanted = await train(float, given);
    expect(tuned.history.steps).toEqual(wanted.history.steps);
    expect(
      notes.filter((note) => /trained in float, .* rounded to bfloat16/.test(note)),
    ).toHaveLength(1);
    for (const name of names) {
      expect(weightOf(tuned.model, name).dtype).toBe("bfloat16");
      const exact = numbers(wanted.model, name);
      expect(numbers(tuned.model, name)).not.toEqual(numbers(brain, name));
      for (const [k, value] of numbers(tuned.model, name).entries())
        expect(Math.abs(value - exact[k])).toBeLessThanOrEqual(Math.abs(exact[k]) * 2 ** -8);
    }
  });

  it("is not written unless that is asked for", () => {
    const folder = temporaryFolder();
    const [file, out] = ["model.onnx", "out.onnx"].map((name) => path.join(folder, name));
    fs.writeFileSync(file, fixture("bfloat16-stream"));
    const { code, stdout, stderr } = cli([file, "-o", out]);
    expect(code).toBe(4);
    expect(stdout).toMatch(/same function +not run: onnxruntime has no kernels .*MatMul/);
    expect(stdout).toMatch(/right formula +1 of 1 site.* on a float copy/);
    expect(stderr).toContain('"same function", "it can learn" could not run');
    expect(fs.existsSync(out)).toBe(false);
    expect(cli([file, "-o", out, "--prove", "sites"]).code).toBe(0);
    expect(cli(["strip", out, "-o", path.join(folder, "back.onnx")]).code).toBe(0);
  });

  it("has the wrong formula found on the copy", async () => {
    const laurel = await augmented(fixture("bfloat16-stream"), "rw");
    const [{ site }] = laurel.plan.sites;
    const wrong = {
      ...laurel.plan.sites[0],
      site: { ...site, skip: site.branches[0], branches: [site.skip] },
    };
    const plan = { ...laurel.plan, sites: [wrong] };
    const proof = await prove({ ...laurel, plan }, { ort });
    expect(checksThat("failed", proof)).toContain("right formula");
  });
});
