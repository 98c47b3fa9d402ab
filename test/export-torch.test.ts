import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import {
  laurelize,
  type Model,
  openModel,
  saveModel,
  torchTensors,
  type VariantName,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { laurelPaths, modulePath } from "../passes/head/module-paths.ts";
import { decodeNumbers } from "../src/graph/tensor.ts";
import { concat } from "../src/onnx/bytes.ts";
import { bytesField } from "../src/onnx/wire-writer.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { judgePython } from "./support/judge.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";
import { tuned } from "./support/tuned.ts";

const { onnx } = onnxProto;
const folder = temporaryFolder();
const python = judgePython();

/** Two residual sums whose operands are outputs too: branches f0 and f1, sums y0 and y1. */
const DENSE = `<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 3, 8] x) => (float[2, 3, 8] f0, float[2, 3, 8] y0, float[2, 3, 8] f1, float[2, 3, 8] y1)
<float[8, 8] w0, float[8, 8] w1> {
  h0 = MatMul(x, w0) f0 = Tanh(h0) [/blocks/blocks.0/attn/Add] y0 = Add(x, f0)
  h1 = MatMul(y0, w1) f1 = Tanh(h1) [/blocks/blocks.0/mlp/Add] y1 = Add(y0, f1) }`;
const IMAGES = `<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 8, 3, 3] x) => (float[2, 8, 3, 3] f0, float[2, 8, 3, 3] y0, float[2, 8, 3, 3] f1, float[2, 8, 3, 3] y1)
<float[8, 8, 1, 1] w0, float[8, 8, 1, 1] w1> {
  h0 = Conv(x, w0) f0 = Tanh(h0) [/layer1/layer1.0/Add] y0 = Add(x, f0)
  h1 = Conv(y0, w1) f1 = Tanh(h1) [/layer1/layer1.1/Add] y1 = Add(y0, f1) }`;

type Numbers = Float64Array;
const x = Float32Array.from({ length: 144 }, (_, k) => Math.sin(k + 1));

/** x with its features last: [positions, 8]. */
const rows = (values: ArrayLike<number>, images: boolean): Numbers[] => {
  const inner = images ? 9 : 1;
  return Array.from({ length: values.length / 8 }, (_, row) =>
    Float64Array.from(
      { length: 8 },
      (_, d) => values[Math.floor(row / inner) * 8 * inner + d * inner + (row % inner)],
    ),
  );
};

const product = (row: Numbers, matrix: Numbers): Numbers => {
  const columns = matrix.length / row.length;
  return Float64Array.from({ length: columns }, (_, j) =>
    row.reduce((sum, value, i) => sum + value * matrix[i * columns + j], 0),
  );
};

/** α f + β (x + Σ γ_j h_j(x_{i-j})) in plain float64, of the exported tensors of one site. */
function formula(weights: Map<string, Numbers>, f: Numbers[], xs: readonly Numbers[][]): Numbers[] {
  const at = (role: string, d: number) => {
    const all = weights.get(role);
    return all ? all[all.length === 1 ? 0 : d] : 1;
  };
  return xs[0].map((x, row) => {
    const bracket = x.slice();
    for (const [lag, each] of xs.entries()) {
      const A = weights.get(`A${lag}`) ?? (lag === 0 ? weights.get("A") : undefined);
      const B = weights.get(`B${lag}`) ?? weights.get("B");
      const gamma = weights.get("gamma")?.[lag];
      if (!A && gamma === undefined) continue;
      const mapped = A ? product(product(each[row], A), B!) : each[row];
      for (let d = 0; d < 8; d++) bracket[d] += (gamma ?? 1) * mapped[d];
    }
    return bracket.map((value, d) => at("alpha", d) * f[row][d] + at("beta", d) * value);
  });
}

/** The exported tensors by site and role. */
function bySite(model: Model): Map<string, Map<string, Numbers>> {
  const sites = new Map<string, Map<string, Numbers>>();
  for (const { name, dtype, data } of torchTensors(model)) {
    const cut = name.lastIndexOf(".");
    const site = sites.get(name.slice(0, cut)) ?? new Map();
    sites.set(name.slice(0, cut), site.set(name.slice(cut + 1), decodeNumbers(dtype, data)));
  }
  return sites;
}

describe("laurelize export-torch", { timeout: 60_000 }, () => {
  it.each<[string, VariantName, object]>([
    ["dense", "rw", {}],
    ["dense", "rw", { perChannel: true }],
    ["dense", "rw+lr", { normalize: "sigmoid", perChannel: true }],
    ["dense", "rw+lr", { normalize: "none" }],
    ["dense", "lr", {}],
    ["dense", "rw+pa", {}],
    ["dense", "rw+lr+pa", { lags: 2 }],
    ["images", "rw+lr", {}],
    ["images", "rw+lr+pa", { perChannel: true, lags: 2 }],
    ["images", "rw", { normalize: "sigmoid" }],
    ["images", "rw", { normalize: "none", perChannel: true }],
  ])("gives what the formula of %s, %s, needs: %o", async (kind, variant, options) => {
    const images = kind === "images";
    const plain = await openModel(modelOfText(images ? IMAGES : DENSE));
    const { model } = await laurelize(plain, { ort, variant, rank: 3, ...options });
    const trained = tuned(model, 11);
    const sites = bySite(trained);
    expect([...sites.keys()]).toEqual(
      images
        ? ["layer1.0.laurel", "layer1.1.laurel"]
        : ["blocks.0.attn.laurel", "blocks.0.mlp.laurel"],
    );
    const session = await sessionOn(trained.toBytes());
    const dims = images ? [2, 8, 3, 3] : [2, 3, 8];
    const size = dims.reduce((a, b) => a * b, 1);
    const got = await session.run({ x: new ort.Tensor("float32", x.slice(0, size), dims) });
    const of = (name: string) => rows(got[name].data as Float32Array, images);
    const xs = [rows(x.slice(0, size), images), of("y0")];
    for (const [k, weights] of [...sites.values()].entries()) {
      const y = formula(weights, of(`f${k}`), k === 0 ? [xs[0]] : [xs[1], xs[0]]);
      const off = of(`y${k}`).map((row, r) => row.map((value, d) => Math.abs(value - y[r][d])));
      const scale = Math.max(...y.map((row) => Math.max(...row.map(Math.abs))));
      // A float32 sum of some 30 terms.
      expect(Math.max(...off.map((row) => Math.max(...row)))).toBeLessThan(30 * 2 ** -24 * scale);
    }
  });

  it("names modules as PyTorch does", () => {
    for (const [site, path] of [
      ["/layer1/layer1.0/Add", "layer1.0"],
      ["/features/features.3/Add", "features.3"],
      ["/encoder/layer.0/attention/output/Add", "encoder.layer.0.attention.output"],
      ["/layers/layers.0/blocks/blocks.1/Add_1", "layers.0.blocks.1"],
      ["/layers.10/layers.1/Add", "layers.10.layers.1"],
      ["node_add_3", "node_add_3"],
    ])
      expect(modulePath(site), site).toBe(path);
    const sites = ["/b.0/Add", "/b.0/Add_1", "/b.1/Add", "y"];
    expect(laurelPaths(sites.map(modulePath))).toEqual([
      "b.0.laurel.0",
      "b.0.laurel.1",
      "b.1.laurel",
      "y.laurel",
    ]);
  });

  it("takes the modules that torch.onnx.export notes when it exports by dynamo", async () => {
    const proto = onnx.ModelProto.decode(modelOfText(DENSE));
    const noted = ["['', 'layer1', 'layer1.0', 'add_1']", "['', 'add_2']"];
    const adds = proto.graph!.node!.filter(({ opType }) => opType === "Add");
    // onnx-proto does not know NodeProto.metadata_props; field 9 is written in its place.
    const encoded = proto.graph!.node!.map((node) => {
      const k = adds.indexOf(node);
      const text = (number: number, value: string) =>
        bytesField(number, new TextEncoder().encode(value));
      const entry = bytesField(9, text(1, "pkg.torch.onnx.name_scopes"), text(2, noted[k] ?? ""));
      return bytesField(1, onnx.NodeProto.encode(node).finish(), ...(k < 0 ? [] : [entry]));
    });
    const around = onnx.GraphProto.create({ ...proto.graph, node: [] });
    const model = await openModel(
      concat([
        onnx.ModelProto.encode(onnx.ModelProto.create({ ...proto, graph: null })).finish(),
        bytesField(7, ...encoded, onnx.GraphProto.encode(around).finish()),
      ]),
    );
    const { model: laurel } = await laurelize(model, { ort, variant: "rw" });
    expect([...bySite(laurel).keys()]).toEqual(["layer1.0.laurel", "blocks.0.mlp.laurel"]);
  });

  it("writes a file that says what each tensor belongs to", async () => {
    const model = path.join(folder, "model.laurel.onnx");
    const plain = await openModel(fixture("bottleneck-half-precision"));
    await saveModel((await laurelize(plain, { ort, rank: 2 })).model, model);
    const ran = cli(["export-torch", model]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toMatch(
      /^wrote .*model\.laurel\.pt\.safetensors .*laurel.*alpha the first\n$/,
    );
    const out = path.join(folder, "model.laurel.pt.safetensors");
    const { tensors } = JSON.parse(cli(["export-torch", model, "-f", "--json"]).stdout);
    expect(tensors.map(({ name }: { name: string }) => name.split(".").at(-1))).toEqual(
      expect.arrayContaining(["alpha", "beta", "w", "A", "B"]),
    );
    if (python) {
      const script = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    print(json.dumps([f.metadata()["format"], {k: list(f.get_tensor(k).shape) for k in f.keys()}]))`;
      const theirs = JSON.parse(execFileSync(python, ["-c", script, out], { encoding: "utf8" }));
      const shapes = tensors.map(({ name, dims }: { name: string; dims: number[] }) => [
        name,
        dims,
      ]);
      expect(theirs).toEqual(["pt", Object.fromEntries(shapes)]);
    }
    expect(cli(["export-torch", model])).toMatchObject({ code: 2 });
    fs.writeFileSync(path.join(folder, "plain.onnx"), fixture("pre-norm-mlp"));
    expect(cli(["export-torch", path.join(folder, "plain.onnx")])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is not laurelized"),
    });
  });
});
