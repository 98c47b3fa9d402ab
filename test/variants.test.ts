import { createHash } from "node:crypto";
import { type Laurelized, laurelize, openModel, prove, variantNames } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { isNightly } from "./support/sweep.ts";

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

/** Four residual blocks in one stream. */
const chain = (dtype = "float") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (${dtype}[2, 3, 8] x) => (${dtype}[2, 3, 8] z) <${dtype}[8, 8] w, ${dtype}[8, 8] v>
    { m1 = MatMul(x, w) f1 = Tanh(m1) y1 = Add(f1, x) m2 = MatMul(y1, v) f2 = Tanh(m2) y2 = Add(y1, f2)
      m3 = MatMul(y2, w) f3 = Tanh(m3) y3 = Add(f3, y2) m4 = MatMul(y3, v) f4 = Tanh(m4) z = Add(y3, f4) }`);

/**
 * laurel.md's table: parameters of one site, of `w` for RW, 2rD for a low-rank map and k lags.
 * At the first sites of a stream there are fewer than three.
 */
const table: Record<string, (w: number, map: number, k: number, shared: boolean) => number> = {
  rw: (w) => w,
  lr: (_, map) => map,
  "rw+lr": (w, map) => w + map,
  pa: (_, __, k) => k,
  "rw+pa": (w, _, k) => w + k,
  "lr+pa": (_, map, k, shared) => (shared ? map + k : k * (map + 1)),
  "rw+lr+pa": (w, map, k, shared) => w + (shared ? map + k : k * (map + 1)),
};

const sizes = (plan: Laurelized["plan"]) =>
  plan.sites.map(({ parameters }) =>
    Object.values(parameters).reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
  );

describe("every variant", () => {
  it("is in the table of parameters", () => {
    expect(Object.keys(table).sort()).toEqual([...variantNames].sort());
  });

  for (const variant of variantNames)
    for (const [rank, shareLags, perChannel] of [
      [1, false, false],
      [4, true, false],
      [8, false, true],
      [16, true, true],
    ] as const)
      it.each([
        ["softmax", 2],
        ["sigmoid", 1],
        ["none", 2],
      ] as const)(
        `${variant} at rank ${rank} with %s${shareLags ? ", shared" : ""}${perChannel ? ", per channel" : ""} has the paper's number of parameters`,
        async (normalize, scalars) => {
          const model = await openModel(chain());
          const options = { ort, variant, rank, normalize, shareLags, perChannel };
          const { plan, warnings } = await laurelize(model, options);
          const w = perChannel ? scalars * D : scalars;
          const map = 2 * Math.min(rank, D) * D;
          const expected = [1, 2, 3, 3].map((k) => table[variant](w, map, k, shareLags));
          expect(sizes(plan)).toEqual(expected);
          expect(warnings.some((text) => text.includes("limited"))).toBe(
            rank > D && variant.includes("lr"),
          );
        },
      );

  it.each(variantNames)("%s with every option is proved on a stream of four", async (variant) => {
    const model = await openModel(chain("double"));
    const maps = variant === "pa" ? (["identity", "low-rank"] as const) : [undefined];
    const all = [false, true].flatMap((perChannel) =>
      (["softmax", "sigmoid", "none"] as const).flatMap((normalize) =>
        [false, true].map((shareLags) => ({ perChannel, normalize, shareLags })),
      ),
    );
    const v = variantNames.indexOf(variant);
    // Of every variant a third in `npm test`; each combination comes up with two of them or more.
    for (const choice of all.filter((_, k) => isNightly || (k + v) % 3 === 0))
      for (const paMap of maps) {
        const options = { ort, variant, rank: 2, lags: 4, ...choice };
        const laurel = await laurelize(model, paMap ? { ...options, paMap } : options);
        const proof = await prove(laurel, { ort });
        expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
      }
  });

  it("takes lags of its own stream only, never across a change of shape", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 4] z) <float[8, 8] w, float[8, 4] p, float[8, 4] q, float[4, 4] v>
      { m1 = MatMul(x, w) f1 = Tanh(m1) y1 = Add(f1, x) r = Relu(y1) s = MatMul(r, p) t = MatMul(r, q)
        f2 = Tanh(t) y2 = Add(s, f2) u = Relu(y2) m3 = MatMul(u, v) f3 = Tanh(m3) z = Add(f3, u) }`),
    );
    const { plan } = await laurelize(model, { ort, variant: "pa" });
    expect(plan.sites.map(({ operands }) => operands.map(({ name }) => name))).toEqual([
      ["x"],
      ["s"],
      ["u", "s"],
    ]);
  });

  it("refuses the identity map together with lr", async () => {
    const model = await openModel(chain());
    await expect(laurelize(model, { ort, variant: "lr+pa", paMap: "identity" })).rejects.toThrow(
      /pa-map identity/,
    );
  });

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
  // A variant meets every stream once in `npm test`, in one of the three ways to weigh.
  for (const [v, variant] of variantNames.entries())
    for (const [n, normalize] of (["softmax", "sigmoid", "none"] as const).entries())
      it.each(streams.filter((_, k) => isNightly || (k + v) % 3 === n))(
        `${variant} with ${normalize} is proved on %s, feature axis %s`,
        async (dtype, layout) => {
          const model = await openModel(residual[layout](dtype));
          const laurel = await laurelize(model, { ort, variant, normalize, rank: 3 });
          const proof = await prove(laurel, { ort });
          expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
          for (const tensor of Object.values(laurel.plan.sites[0].parameters))
            expect(tensor.dtype).toBe(dtype);
        },
      );
});

describe("the new weights", () => {
  it("are the same bytes on every machine", async () => {
    const model = await openModel(fixture("pre-norm-mlp"));
    const { model: result } = await laurelize(model, { ort, variant: "rw+lr", rank: 4, seed: 7 });
    expect(createHash("sha256").update(result.toBytes()).digest("hex")).toMatchInlineSnapshot(
      `"dd897d66ad7cb558dd9d1eff300eabe41c8ffdfc14b3db620424c8f01ea99255"`,
    );
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

describe("a choice that leaves no site", () => {
  const chosen = async (text: string, include?: string[]) =>
    laurelize(await openModel(modelOfText(text)), { ort, variant: "rw", include });
  const plain = `<ir_version: 8, opset_import: ["" : 17]> g (float[2, 8] x) => (float[2, 8] y)
    <float[8, 8] w> { f = MatMul(x, w) y = Add(x, f) }`;

  it("is refused if every site is LAuReL already", () =>
    expect(
      chosen(`<ir_version: 8, opset_import: ["" : 17]> g (float[2, 8] x) => (float[2, 8] y)
        <float[8, 2] w, float[2, 8] v> { a = MatMul(x, w) f = MatMul(a, v) y = Add(x, f) }`),
    ).rejects.toThrow(
      "the one residual connection of model is LAuReL already; --again adds to it.",
    ));

  it("is refused if a glob is empty, or matches no name", async () => {
    await expect(chosen(plain, [""])).rejects.toThrow("an empty glob does not match any name");
    await expect(chosen(plain, ["z"])).rejects.toThrow(
      "the one residual connection of model is not chosen",
    );
    expect((await chosen(plain, ["y", "z"])).plan.sites).toHaveLength(1);
  });

  it("is refused at once if a glob of many stars does not match a long name", async () => {
    const long = plain.replace("y = Add", `[${"a".repeat(20_000)}] y = Add`);
    const stars = "*a".repeat(12);
    await expect(chosen(long, [`${stars}*b`])).rejects.toThrow("is not chosen");
    await expect(chosen(long, [`**${stars}**b`])).rejects.toThrow("is not chosen");
    expect((await chosen(long, [`a${stars}**`])).plan.sites).toHaveLength(1);
    await expect(chosen(long.replace(/a{20000}/, "abc"), ["ab*bc"])).rejects.toThrow("not chosen");
  });
});
