import fs from "node:fs";
import path from "node:path";
import { finetune, laurelize, openModel, prove, type VariantName } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made } from "./support/checks.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
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

  it("is not trained, which is said before anything is run", async () => {
    const { model } = await augmented(fixture("bfloat16-stream"), "rw");
    const options = { ort, loss: "mse", target: "t" } as const;
    expect(() => finetune(model, options)).toThrow(
      /^weight .* of .* is bfloat16, .* cannot train; convert the model to float or float16\.$/,
    );
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
