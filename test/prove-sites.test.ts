import fs from "node:fs";
import path from "node:path";
import {
  findResiduals,
  type Laurelized,
  laurelize,
  openModel,
  prove,
  type VariantName,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made } from "./support/checks.ts";
import { cli } from "./support/cli.ts";
import { fixture, fixtureNames, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { expectRefused } from "./support/refused.ts";
import { swept } from "./support/sweep.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

const laurelized = async (
  variant: VariantName,
  name = "pre-norm-transformer",
): Promise<Laurelized> => laurelize(await openModel(fixture(name)), { ort, variant });

/** onnxruntime that counts the nodes of every model it is given. */
function counting() {
  const nodes: number[] = [];
  const create = (model: Uint8Array | string, options: object) => {
    const { graph } = onnx.ModelProto.decode(model as Uint8Array);
    nodes.push(graph!.node!.length);
    return ort.InferenceSession.create(model as Uint8Array, options);
  };
  return { nodes, ort: { ...ort, InferenceSession: { create } } };
}

async function tampered(change: (model: ModelProto) => void, variant: VariantName) {
  const laurel = await laurelized(variant, "pre-norm-mlp");
  const proto = onnx.ModelProto.decode(laurel.model.toBytes());
  change(proto as ModelProto);
  const model = await openModel(onnx.ModelProto.encode(proto).finish());
  return prove({ ...laurel, model }, { ort, extent: "sites" });
}

describe("a proof at the sites alone", () => {
  it.each(["rw", "lr", "pa", "rw+lr+pa"] as const)(
    "passes %s as it was inserted",
    async (variant) => {
      const laurel = await laurelized(variant);
      const proof = await prove(laurel, { ort, extent: "sites" });
      expect(proof).toMatchObject({
        passed: true,
        leftOut: expect.stringContaining("no whole model"),
      });
      const [same, formula] = [made("same sum at each site", proof), made("right formula", proof)];
      expect(same.sites).toHaveLength(laurel.plan.sites.length);
      expect(formula.sites.every(({ difference }) => difference > 0)).toBe(true);
    },
  );

  it("passes at every site of the fixtures", { timeout: 60_000 }, async () => {
    for (const name of swept(fixtureNames(), 8)) {
      const model = await openModel(fixture(name));
      if ((await findResiduals(model, { ort })).sites.length === 0) continue;
      const laurel = await laurelize(model, { ort, variant: "rw+lr+pa", again: true });
      expect(checksThat("failed", await prove(laurel, { ort, extent: "sites" })), name).toEqual([]);
    }
  });

  it("multiplies what a difference or a mean multiplies", async () => {
    const laurel = await laurelized("rw+lr+pa", "subtracted-branch");
    const { checks, passed } = await prove(laurel, { ort, extent: "sites" });
    expect([passed, checks.length]).toEqual([true, 3]);
  });

  it("gives onnxruntime no more than the nodes of one site", async () => {
    const laurel = await laurelized("rw+lr");
    const watched = counting();
    await prove(laurel, { ort: watched.ort as typeof ort, extent: "sites" });
    const inserted = laurel.plan.patch.nodes.length / laurel.plan.sites.length;
    expect(Math.max(...watched.nodes)).toBeLessThanOrEqual(inserted + 2);
  });

  it("says of how many sites the operands may be broadcast", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]> g (float[M, 8] x, int64[1] k) => (float[K, 8] out)
      <float[8, 8] w, float[8] zero, float[8, 8] v, int64[1] eight = {8}>
      { s = Concat<axis = 0>(k, eight) e = Expand(zero, s) g = MatMul(x, w) f = Add(g, e)
        [one] y = Add(x, f) t = MatMul(x, v) h = Tanh(t) [two] z = Add(x, h) out = Add(y, z) }`),
    );
    const laurel = await laurelize(model, { ort, variant: "rw" });
    const { leftOut, passed } = await prove(laurel, { ort, extent: "sites" });
    expect(passed).toBe(true);
    expect(leftOut).toMatch(/an operand of 1 site has the sum's shape, of which not every size/);
  });

  it("finds a B that is not zero at the start", async () => {
    const proof = await tampered((model) => {
      const b = model.graph!.initializer!.find(({ name }) => name === "res.laurel.B")!;
      b.rawData!.fill(62, 0, 4);
    }, "rw+lr");
    expect(checksThat("failed", proof)).toEqual(["same sum at each site", "nothing else changed"]);
  });

  it("finds a map that is not computed although its weights are there", async () => {
    const proof = await tampered((model) => {
      const sum = model.graph!.node!.find(({ output }) => output![0] === "y")!;
      sum.input![0] = "x";
    }, "lr");
    expect(checksThat("failed", proof)).toContain("right formula");
  });
});

describe("laurelize --prove sites", () => {
  const file = path.join(temporaryFolder(), "model.onnx");
  fs.writeFileSync(file, fixture("pre-norm-mlp"));

  it("writes the result and says what was not checked", () => {
    const { code, stdout } = cli([file, "--rank", "4", "--prove", "sites"]);
    expect(code).toBe(0);
    expect(stdout).toContain("bit-equal at 1 of 1 site");
    expect(stdout).toMatch(/not checked +that the outputs of the whole model are the same/);
    expect(stdout).toContain("proved at its sites in");
  });

  // A sparse file: a terabyte of zeros that takes no room.
  it("is advised if a model is larger than the memory, before anything is written", async () => {
    const folder = fs.mkdtempSync(`${path.dirname(file)}${path.sep}`);
    const huge = path.join(folder, "huge.onnx");
    const proto = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    const entries = { location: "huge.data", offset: 0, length: 2 ** 40 };
    proto.graph!.initializer!.push(
      onnx.TensorProto.create({
        name: "table",
        dims: [2 ** 30, 2 ** 8],
        dataType: 1,
        dataLocation: 1,
        externalData: Object.entries(entries).map(([key, value]) => ({
          key,
          value: String(value),
        })),
      }),
    );
    fs.writeFileSync(huge, onnx.ModelProto.encode(proto).finish());
    fs.writeFileSync(path.join(folder, "huge.data"), "");
    fs.truncateSync(path.join(folder, "huge.data"), 2 ** 40);
    expectRefused([huge], folder, /takes about 1\.32 TB.* pass --prove sites/);
    expect((await openModel(huge)).dataFiles).toEqual(["huge.data"]);
    const { code, stdout } = cli([huge, "--rank", "4", "--prove", "sites"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("proved at its sites")]);
  });

  it.each(["--inputs=x.npz", "--also-web"])("does not go with %s", (option) => {
    const { code, stderr } = cli([file, "-f", "--prove", "sites", option]);
    expect(code).toBe(2);
    expect(stderr).toContain("only used when the whole model runs");
  });

  it("is refused if it is neither full, sites nor none", () => {
    const { code, stderr } = cli([file, "-f", "--prove", "some"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("it is one of full, sites, none")]);
  });

  it("refuses operands too large to be random", async () => {
    const huge = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 1073741824, 8] x) => (float[1, 1073741824, 8] y)
    <float[8, 8] w, float[8, 8] v> { h = MatMul(x, w) r = Relu(h) f = MatMul(r, v) y = Add(x, f) }`);
    const laurel = await laurelize(await openModel(huge), { ort, rank: 2 });
    await expect(prove(laurel, { ort, extent: "sites" })).rejects.toThrow(
      /site y has the shape \[1, 1073741824, 8\], which is too large for random operands/,
    );
  });
});
