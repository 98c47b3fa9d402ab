import { createHash } from "node:crypto";
import { laurelize, openModel, variantNames, verify } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
const D = 8;

/** x + f(x) on a stream of this type and layout; the last mixer writes `axis`. */
const residual = {
  last: (dtype: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (${dtype}[2, 3, 8] x) => (${dtype}[2, 3, 8] z) <${dtype}[8, 8] w, ${dtype}[8, 8] v>
    { m = MatMul(x, w) f = Tanh(m) y = Add(f, x) z = MatMul(y, v) }`),
  first: (dtype: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (${dtype}[2, 8, 5, 5] x) => (${dtype}[2, 8, 5, 5] z)
    <${dtype}[8, 8, 3, 3] w, ${dtype}[8, 8, 1, 1] v>
    { m = Conv<pads = [1, 1, 1, 1]>(x, w) f = Relu(m) y = Add(x, f) z = Conv(y, v) }`),
  middle: (dtype: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (${dtype}[2, 3, 8, 5] x) => (${dtype}[2, 3, 5, 8] z) <${dtype}[8, 8] w, ${dtype}[8, 8] v>
    { t = Transpose<perm = [0, 1, 3, 2]>(x) m = MatMul(t, w) u = Transpose<perm = [0, 1, 3, 2]>(m)
      f = Tanh(u) y = Add(x, f) s = Transpose<perm = [0, 1, 3, 2]>(y) z = MatMul(s, v) }`),
};

/** laurel.md's table: parameters of one site, by variant, rank and normalisation. */
const table: Record<string, (r: number, rwParameters: number) => number> = {
  rw: (_, w) => w,
  lr: (r) => 2 * r * D,
  "rw+lr": (r, w) => w + 2 * r * D,
};

describe("every variant", () => {
  it("is in the table of parameters", () => {
    expect(Object.keys(table).sort()).toEqual([...variantNames].sort());
  });

  for (const variant of variantNames)
    for (const rank of [1, 4, 8, 16])
      it.each([
        ["softmax", 2],
        ["sigmoid", 1],
        ["none", 2],
      ] as const)(
        `${variant} at rank ${rank} with %s has the paper's number of parameters`,
        async (normalize, w) => {
          const model = await openModel(residual.last("float"));
          const { plan, warnings } = await laurelize(model, { ort, variant, rank, normalize });
          const sizes = Object.values(plan.sites[0].parameters).map(({ dims }) =>
            dims.reduce((a, b) => a * b, 1),
          );
          expect(sizes.reduce((a, b) => a + b, 0)).toBe(table[variant](Math.min(rank, D), w));
          expect(warnings.length > 0).toBe(rank > D && variant !== "rw");
        },
      );

  const streams = [
    ["float", "last"],
    ["float", "first"],
    ["float", "middle"],
    ["double", "last"],
    ["double", "middle"],
    ["float16", "last"],
    ["float16", "first"],
    ["float16", "middle"],
  ] as const;
  for (const variant of variantNames)
    for (const normalize of ["softmax", "sigmoid", "none"] as const)
      it.each(streams)(
        `${variant} with ${normalize} is proved on %s, feature axis %s`,
        async (dtype, layout) => {
          const model = await openModel(residual[layout](dtype));
          const laurel = await laurelize(model, { ort, variant, normalize, rank: 3 });
          const proof = await verify(laurel, { ort });
          expect(proof.checks.filter(({ passed }) => !passed)).toEqual([]);
          for (const tensor of Object.values(laurel.plan.sites[0].parameters))
            expect(tensor.dtype).toBe(dtype);
        },
      );
});

describe("the new weights", () => {
  it("are the same bytes on every machine", async () => {
    const model = await openModel(fixture("pre-norm-mlp"));
    const { model: result } = await laurelize(model, { ort, variant: "rw+lr", rank: 4, seed: 7 });
    expect(createHash("sha256").update(result.toBytes()).digest("hex")).toMatchInlineSnapshot(`"fe21e3c51c74c9028f84641e3bceab48c4da9d3586d54cfdd2a6009e1081bd6b"`);
  });

  it("start as the paper says: B zero, A Xavier uniform or column-orthogonal", async () => {
    const start = async (init: "xavier" | "orthogonal", seed = 0) => {
      const model = await openModel(residual.last("double"));
      const { model: result } = await laurelize(model, { ort, variant: "lr", rank: 4, init, seed });
      const { initializer } = onnx.ModelProto.decode(result.toBytes()).graph!;
      const values = (role: string) => {
        const { rawData } = initializer!.find(({ name }) => name === `y.laurel.${role}`)!;
        return Array.from(new Float64Array(rawData!.slice().buffer));
      };
      return { A: values("A"), B: values("B") };
    };
    const { A, B } = await start("xavier");
    const limit = Math.sqrt(6 / (D + 4));
    expect(B.every((value) => value === 0)).toBe(true);
    expect(A.every((value) => Math.abs(value) <= limit)).toBe(true);
    expect(Math.max(...A)).toBeGreaterThan(0.8 * limit);
    expect(Math.min(...A)).toBeLessThan(-0.8 * limit);
    expect((await start("xavier", 1)).A).not.toEqual(A);
    const orthogonal = (await start("orthogonal")).A;
    expect(orthogonal).toEqual(
      Array.from({ length: D * 4 }, (_, k) =>
        Math.floor(k / 4) % 4 === k % 4 ? 1 / Math.sqrt(4 * D) : 0,
      ),
    );
  });

  it("of one site do not depend on which other sites are taken", async () => {
    const two = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] z) <float[8, 8] w, float[8, 8] v>
      { a = MatMul(x, w) f = Tanh(a) [one] y = Add(f, x) b = MatMul(y, v) g = Tanh(b) [two] z = Add(y, g) }`);
    const weight = async (include?: string[]) => {
      const { model } = await laurelize(await openModel(two), { ort, variant: "lr", include });
      return onnx.ModelProto.decode(model.toBytes()).graph!.initializer!.find(
        ({ name }) => name === "two.laurel.A",
      )!.rawData;
    };
    expect(await weight(["two"])).toEqual(await weight());
  });
});
