import fs from "node:fs";
import path from "node:path";
import {
  diff,
  diffPage,
  drawDiff,
  laurelize,
  type ModelDiff,
  nodeData,
  openModel,
  saveModel,
  torchTensors,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolders } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { tuned } from "./support/tuned.ts";

const { onnx } = onnxProto;
const { place } = temporaryFolders();

/** A fixture and what laurelize makes of it. */
async function rewritten(name: string, options: object = {}) {
  const a = await openModel(fixture(name));
  const { model: b } = await laurelize(a, { ort, rank: 4, ...options });
  return { a, b };
}

const difference = async (x: Uint8Array, y: Uint8Array) =>
  diff(await openModel(x), await openModel(y));

/** How many nodes of each operator a model's main graph has, as another decoder sees them. */
function operators(bytes: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of onnx.ModelProto.decode(bytes).graph!.node!)
    counts[opType!] = (counts[opType!] ?? 0) + 1;
  return counts;
}

const core = ({ nodes }: ModelDiff["regions"][number]["after"]) =>
  nodes.filter(({ mark }) => mark !== "same").map(({ op, mark }) => `${mark} ${op}`);

const BLOCK = (head: string) => `<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 4] x) => (float[N, 4] out)
<float[4, 4] w, float[4] b>
{
  ${head}
  [act] out = Tanh(y)
}`;
const TWO = BLOCK("[mul] m = MatMul(x, w)\n  [sum] y = Add(m, b)");
const ONE = BLOCK("[gemm] y = Gemm(x, w, b)");

describe("laurelize diff", () => {
  it("prints operators, sites and the proof, and counts as another decoder does", async () => {
    const { a, b } = await rewritten("pre-norm-transformer", { variant: "rw+lr" });
    const file = place(a.toBytes());
    const laurel = file.replace(".onnx", ".laurel.onnx");
    await saveModel(b, laurel);
    const { code, stdout, stderr } = cli(["diff", file, laurel]);
    expect([code, stderr]).toEqual([0, ""]);
    const [x, y] = [operators(a.toBytes()), operators(b.toBytes())];
    for (const op of Object.keys(y)) {
      const change = y[op] === (x[op] ?? 0) ? "" : ` +\\+${y[op] - (x[op] ?? 0)}`;
      expect(stdout).toMatch(new RegExp(`^${op} +${x[op] ?? 0} +${y[op]}${change} *$`, "m"));
    }
    expect(stdout).toMatch(/^model\.onnx → model\.laurel\.onnx\n\d+ nodes added, 0 removed, 2 ch/);
    expect(stdout).toMatch(/^opset +17 +17 *$/m);
    expect(stdout).toMatch(/^parameters +\d+ +\d+ +\+\d+ *$/m);
    expect(stdout).toMatch(/^y1 +\+\d+ +\+66 +1 +1 +0 *$/m);
    expect(stdout).toMatch(/^y2 +\+\d+ +\+66 +1 +1 +0 *$/m);
    expect(stdout).toContain("the two models are the same\n");
    expect(stdout).toMatch(/same function +bit-equal on 3 inputs/);
    expect(cli(["diff", file, file, "--no-prove"]).stdout).toMatch(
      /\nthe same nodes\nthe same weights\n/,
    );
  });

  it("gives the same as data with --json, and node data of Model Explorer", async () => {
    const { a, b } = await rewritten("pre-norm-mlp", { variant: "rw+lr+pa" });
    const file = place(a.toBytes());
    const other = path.join(path.dirname(file), "b.onnx");
    await saveModel(tuned(b, 1), other);
    const out = path.join(path.dirname(file), "data.json");
    const ran = cli(["diff", file, other, "--json", "--node-data", out]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const { comparison, regions, weights } = JSON.parse(ran.stdout);
    expect(comparison.verdict).toBe("different");
    expect(regions.map(({ name }: { name: string }) => name)).toEqual(["res"]);
    expect(weights.every(({ change }: { change: string }) => change === "added")).toBe(true);
    const graph = onnx.ModelProto.decode(fs.readFileSync(other)).graph!;
    const data = JSON.parse(fs.readFileSync(out, "utf8"));
    expect(Object.keys(data)).toEqual([graph.name]);
    const { results } = data[graph.name!];
    const names = new Set(graph.node!.map(({ name }) => name));
    expect(Object.keys(results).filter((id) => !names.has(id))).toEqual([]);
    const inserted = Object.keys(results).filter((id) => results[id].inserted);
    expect(inserted.length).toBe(graph.node!.length - operatorsOf(a.toBytes()));
    const { alpha, beta, gamma, norms, value } = results.res;
    expect(value).toMatch(/^α \S+, β \S+, γ \S+, ‖AB‖ \S+$/);
    expect(alpha + beta).toBeCloseTo(2, 6);
    expect([gamma.length, norms.length]).toEqual([1, 1]);
    expect(results[inserted[0]]).toMatchObject({ value: "inserted", site: "res" });
    expect(cli(["diff", file, other, "--node-data", out])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("--force"),
    });
  });

  it("shows and does not fail when the first model cannot be run", () => {
    const custom = BLOCK("y = own.Thing(x)").replace('"" : 17', '"" : 17, "own" : 1');
    const { code, stdout } = cli(["diff", place(modelOfText(custom)), place(modelOfText(ONE))]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^own\.Thing +1 +0 +−1/m);
    expect(stdout).toMatch(/^\? same function +not run: /m);
  });
});

/** A model of blocks y = x + tanh(x W), one after another. */
const stack = (blocks: number) => {
  const names = Array.from({ length: blocks }, (_, k) => k);
  return modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 4, 8] x0) => (float[N, 4, 8] out)
<${names.map((k) => `float[8, 8] w${k}`).join(", ")}, float[8] s>
{
${names.map((k) => `  m${k} = MatMul(x${k}, w${k})\n  t${k} = Tanh(m${k})\n  [block${k}] x${k + 1} = Add(x${k}, t${k})`).join("\n")}
  out = LayerNormalization<axis = -1>(x${blocks}, s)
}`);
};

describe("the drawing of a diff", () => {
  it("shows each site before and after, as SVG and as a page without script", async () => {
    const { a, b } = await rewritten("pre-norm-transformer", { variant: "rw+lr+pa" });
    const file = place(a.toBytes());
    const other = file.replace(".onnx", ".laurel.onnx");
    await saveModel(b, other);
    const [svg, html] = ["d.svg", "d.html"].map((name) => path.join(path.dirname(file), name));
    for (const out of [svg, html]) {
      const { code, stdout } = cli(["diff", file, other, "--no-prove", "-o", out]);
      expect([code, stdout.trim().split("\n").at(-1)]).toEqual([0, `wrote ${out}`]);
    }
    const text = fs.readFileSync(svg, "utf8");
    expect((await sharp(Buffer.from(text)).metadata()).format).toBe("svg");
    expect([...text.matchAll(/data-site="(\w+)"/g)].map(([, site]) => site)).toEqual(["y1", "y2"]);
    const drawn = [...text.matchAll(/data-mark="added" data-name="([^"]+)"/g)];
    const { nodes } = await diff(a, b);
    const added = nodes.filter(({ change }) => change === "added");
    expect(new Set(drawn.map(([, name]) => name))).toEqual(
      new Set(added.filter(({ op }) => op !== "Constant").map(({ name }) => name)),
    );
    for (const card of text.split('role="listitem"').slice(1)) {
      const above = card.slice(0, card.indexOf(">before<"));
      const lines = [...above.matchAll(/<text [^>]*? y="([\d.]+)"/g)].map(([, y]) => Number(y));
      expect(lines.length).toBeGreaterThan(1);
      for (const [k, y] of lines.slice(1).entries()) expect(y - lines[k]).toBeGreaterThan(15);
    }
    const again = await diff(await openModel(file), await openModel(other));
    expect(drawDiff(again) === text).toBe(true);
    expect(drawDiff(again, { theme: "dark" })).not.toContain("prefers-color-scheme");
    const report = path.join(path.dirname(file), "report.html");
    expect(cli(["diff", file, other, "--report", report]).code).toBe(0);
    const pages = fs.readFileSync(report, "utf8");
    for (const part of ["What changed", 'data-site="y2"', "the two models are the same."])
      expect(pages).toContain(part);
    const page = fs.readFileSync(html, "utf8");
    expect(page.includes(text)).toBe(true);
    expect(text).not.toContain("\\u{");
    expect(page).not.toMatch(/<script|(src|href)=|url\(|@import/);
    for (const { name } of added) expect(page).toContain(`<td>${name}</td>`);
  });

  it("draws sites of one shape once if they are many, and names each", async () => {
    const a = await openModel(stack(30));
    const { model } = await laurelize(a, { ort, variant: "lr", rank: 2 });
    const found = await diff(a, model);
    expect(found.regions).toHaveLength(30);
    const drawn = drawDiff(found);
    expect(drawn.match(/role="listitem"/g)!.length).toBeLessThan(8);
    for (let k = 0; k < 30; k++) expect(drawn).toMatch(new RegExp(`>site block${k}[ <]`));
  });

  it("escapes names, and is refused for a place or ending that does not fit", async () => {
    const file = place(modelOfText(TWO));
    const found = await difference(modelOfText(TWO), modelOfText(ONE));
    const named = { ...found, before: { ...found.before, name: "</text><script>" } };
    expect(diffPage(named)).not.toContain("<script>");
    for (const out of ["d.png", "missing/d.svg"]) {
      const ran = cli(["diff", file, file, "-o", path.join(path.dirname(file), out)]);
      expect([ran.code, ran.stdout]).toEqual([2, ""]);
      expect(ran.stderr).toMatch(/^laurelize: [^\n]+\n$/);
    }
    const own = cli(["diff", file, file, "--node-data", file, "--force"]);
    expect([own.code, fs.readdirSync(path.dirname(file))]).toEqual([2, ["model.onnx"]]);
  });
});

const operatorsOf = (bytes: Uint8Array) =>
  Object.values(operators(bytes)).reduce((sum, each) => sum + each, 0);

describe("diff", () => {
  it("gives effective α and β, γ and ‖AB‖ as float64 computes them", async () => {
    const { a, b } = await rewritten("pre-norm-transformer", { variant: "rw+lr" });
    const trained = tuned(b, 3);
    const { regions } = await diff(a, trained);
    const tensors = torchTensors(trained).filter(({ site }) => site === "y2");
    const numbers = (role: string) => {
      const { data, dims } = tensors.find(({ name }) => name.endsWith(`.${role}`))!;
      return { values: new Float32Array(new Uint8Array(data).buffer), dims };
    };
    const [A, B, w] = [numbers("A"), numbers("B"), numbers("w").values];
    let square = 0;
    for (let i = 0; i < A.dims[0]; i++)
      for (let j = 0; j < B.dims[1]; j++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += A.values[4 * i + k] * B.values[B.dims[1] * k + j];
        square += sum ** 2;
      }
    const alpha = (2 * Math.exp(w[0])) / (Math.exp(w[0]) + Math.exp(w[1]));
    const { laurel } = regions.find(({ name }) => name === "y2")!;
    expect(laurel.before).toEqual([]);
    const [{ alpha: branch, beta, lags }] = laurel.after;
    expect(branch!.mean).toBeCloseTo(alpha, 6);
    expect(beta!.mean).toBeCloseTo(2 - alpha, 6);
    expect(lags[0].norm).toBeCloseTo(Math.sqrt(square), 6);
    const between = await diff(b, trained);
    expect(between.nodes).toEqual([]);
    expect(between.weights.every(({ change }) => change === "changed")).toBe(true);
    expect(between.regions.map(({ laurel: { before } }) => before[0].alpha!.mean)).toEqual([1, 1]);
  });

  it("shows what another tool did: nodes that became one, and its neighborhood", async () => {
    const { regions, nodes } = await difference(modelOfText(TWO), modelOfText(ONE));
    expect(nodes.map(({ name, change }) => `${change} ${name}`).sort()).toEqual([
      "changed gemm",
      "removed mul",
    ]);
    const [{ before: was, after: is, isSite }, ...others] = regions;
    expect([others.length, isSite]).toEqual([0, false]);
    expect(core(was).sort()).toEqual(["changed Add", "removed MatMul"]);
    expect(core(is)).toEqual(["changed Gemm"]);
    expect(is.nodes.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
      "input x",
      "node act",
      "node gemm",
    ]);
    expect(is.edges.map(({ value }) => value).sort()).toEqual(["x", "y"]);
  });

  it("calls a renamed model the same, and sees an attribute and a weight that changed", async () => {
    const renamed = TWO.replaceAll(/\bm\b/g, "hidden").replaceAll(/\b(mul|sum)\b/g, "other_$1");
    const same = await difference(modelOfText(TWO), modelOfText(renamed));
    expect([same.nodes, same.regions]).toEqual([[], []]);
    const softmax = BLOCK("[soft] y = Softmax<axis = 1>(x)");
    const other = await difference(
      modelOfText(softmax),
      modelOfText(
        softmax
          .replace("axis = 1", "axis = 0")
          .replace("float[4] b", "float[4] b = {1.0, 2.0, 3.0, 4.0}"),
      ),
    );
    expect(
      other.regions.map(({ after }) => after.nodes.find(({ name }) => name === "soft")),
    ).toEqual([expect.objectContaining({ mark: "changed", changes: ["attributes"] })]);
    expect(other.weights).toEqual([
      expect.objectContaining({
        name: "b",
        change: "changed",
        how: expect.stringMatching(/^differs in 4 of 4/),
      }),
    ]);
  });

  it("looks into branches and functions, and names their nodes as Model Explorer does", async () => {
    const { a, b } = await rewritten("if-branches", { variant: "rw" });
    const found = await diff(a, b);
    expect(found.regions.map(({ scope, isSite }) => [scope, isSite])).toEqual([
      ["branch/then_branch", true],
      ["branch/else_branch", true],
    ]);
    const { results } = nodeData(a, b, found).vad;
    expect(results["branch/then_branch/res"]).toMatchObject({ alpha: 1, beta: 1 });
    expect(results["branch/else_branch/res"]).toMatchObject({ alpha: 1, beta: 1 });
    const nested = await rewritten("functions-nested", { variant: "rw" });
    const calls = await diff(nested.a, nested.b);
    expect(calls.regions.filter(({ isSite }) => isSite)).toHaveLength(4);
    const counts = await difference(fixture("functions-nested"), fixture("functions-nested"));
    expect(counts.operators.find(({ op }) => op === "own.Layer")).toMatchObject({ before: 4 });
  });

  it("takes only opened models and known options", async () => {
    const { a } = await rewritten("pre-norm-mlp");
    await expect(diff(a, "b.onnx" as never)).rejects.toThrow(/second model/);
    await expect(diff(a, a, { rtoll: 1 } as never)).rejects.toThrow(/did you mean rtol\?/);
  });
});
