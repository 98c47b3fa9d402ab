import fs from "node:fs";
import path from "node:path";
import { laurelize, openModel, prove, type VariantName } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;

/** Three residual blocks of convolutions in one stream. */
const images = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
  g (float[1, 3, 8, 8] image) => (float[1, 4, 8, 8] z)
  <float[32, 3, 3, 3] s, float[32, 32, 3, 3] w, float[32] b, float[4, 32, 1, 1] v>
  { x0 = Conv<pads = [1, 1, 1, 1]>(image, s, b) x = Relu(x0)
    f1 = Conv<pads = [1, 1, 1, 1]>(x, w, b) y1 = Add(f1, x) r1 = Relu(y1)
    f2 = Conv<pads = [1, 1, 1, 1]>(r1, w, b) y2 = Add(f2, r1) r2 = Relu(y2)
    f3 = Conv<pads = [1, 1, 1, 1]>(r2, w, b) y3 = Add(r2, f3) r3 = Relu(y3) z = Conv(r3, v) }`);

describe("on a stream of images", { timeout: 60_000 }, () => {
  const folder = temporaryFolder();

  /** Operators of the fully optimized model, as onnxruntime runs it. */
  const optimized = async (bytes: Uint8Array, name: string) => {
    const optimizedModelFilePath = path.join(folder, `${name}.onnx`);
    const options = { graphOptimizationLevel: "all", logSeverityLevel: 3 } as const;
    const session = await sessionOn(bytes, {
      ...options,
      optimizedModelFilePath,
    });
    await session.release();
    const { graph } = onnx.ModelProto.decode(fs.readFileSync(optimizedModelFilePath));
    return graph!.node!.map(({ opType }) => opType!);
  };

  it.each<VariantName>(["rw", "lr", "pa", "rw+lr", "rw+pa", "lr+pa", "rw+lr+pa"])(
    "%s leaves the convolutions in onnxruntime's blocked layout, sums and scales within them",
    async (variant) => {
      const original = await optimized(images, "original");
      if (!original.includes("ReorderOutput"))
        return console.warn("skipped: onnxruntime has no blocked layout on this processor");
      const { model } = await laurelize(await openModel(images), { ort, variant });
      const found = new Set(await optimized(model.toBytes(), variant));
      expect([...found].sort()).toEqual(
        [...new Set([...original, ...(variant.includes("lr+pa") ? ["Concat"] : [])])].sort(),
      );
    },
  );

  it.each([false, true])("every option is proved, per channel: %s", async (perChannel) => {
    const model = await openModel(images);
    for (const variant of ["rw", "pa", "rw+lr", "rw+lr+pa"] as const)
      for (const normalize of ["softmax", "none"] as const)
        for (const shareLags of [false, true]) {
          // In `npm test` those in which what is shared and how it is weighed go together.
          if (!isNightly && shareLags !== (normalize === "none")) continue;
          const options = { ort, variant, rank: 2, perChannel, normalize, shareLags };
          const proof = await prove(await laurelize(model, options), { ort });
          expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
        }
  });

  it("α = β = 1 keeps every bit: zeros of either sign, infinities, NaN", async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17]>
      g (float[1, 4, 2, 4] x) => (float[1, 4, 2, 4] y) <float[4, 4, 1, 1] w>
      { c = Conv(x, w) r = Relu(c) f = Neg(r) y = Add(f, x) }`;
    const bytes = modelOfText(text);
    const { model } = await laurelize(await openModel(bytes), {
      ort,
      variant: "rw",
      featureAxis: 1,
    });
    const places = [-0, 0, Infinity, -Infinity, Number.NaN, 1e-45, 3.4e38, -1];
    const data = Float32Array.from({ length: 32 }, (_, k) => places[k % 8]);
    const bits = async (bytes: Uint8Array) => {
      const session = await sessionOn(bytes, {
        graphOptimizationLevel: "disabled",
      });
      const { y } = await session.run({ x: new ort.Tensor(data, [1, 4, 2, 4]) });
      await session.release();
      return Array.from(y.data as Float32Array);
    };
    const before = await bits(bytes);
    expect(before.some((value) => Object.is(value, -0))).toBe(true);
    expect(await bits(model.toBytes())).toEqual(before);
  });
});
