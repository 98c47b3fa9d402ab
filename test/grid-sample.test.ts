import fs from "node:fs";
import path from "node:path";
import { differentiate, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

interface Case {
  readonly mode: string;
  readonly padding: string;
  readonly aligned: number;
  /** The samples, and the gradients of the image and of the grid. */
  readonly y: readonly number[];
  readonly x: readonly number[];
  readonly grid: readonly number[];
}
interface Given {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
interface Group {
  readonly name: string;
  readonly x: Given;
  readonly grid: Given;
  readonly cotangent: readonly number[];
  readonly cases: readonly Case[];
}

/** What PyTorch computes; `made` says with what. */
const { groups } = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "cases/grid-sample.json"), "utf8"),
) as { groups: readonly Group[] };

/** Files state six digits. */
const DIGITS = 2e-6;

const tensor = ({ dims, values }: Given, dtype: string) =>
  dtype === "float"
    ? new ort.Tensor("float32", Float32Array.from(values), dims)
    : new ort.Tensor("float64", Float64Array.from(values), dims);

/** Every case as one node of one model. */
async function differentiated({ x, grid, cases }: Group, dtype: string, opset: number) {
  const nodes = cases.map(
    ({ mode, padding, aligned }, k) =>
      `x${k} = Identity(x) grid${k} = Identity(grid) y${k} = GridSample <mode = "${opset < 20 ? old(mode) : mode}", padding_mode = "${padding}", align_corners = ${aligned}> (x${k}, grid${k})`,
  );
  const places = [...x.dims.slice(0, 2), ...grid.dims.slice(1, -1)];
  const outputs = cases.map((_, k) => `${dtype}[${places}] y${k}`);
  const model = await openModel(
    modelOfText(
      `<ir_version: 10, opset_import: ["" : ${opset}]> g (${dtype}[${x.dims}] x, ${dtype}[${grid.dims}] grid) => (${outputs}) { ${nodes.join(" ")} }`,
    ),
  );
  const each = (name: string) => cases.map((_, k) => `${name}${k}`);
  const of = each("y");
  return {
    ...(await differentiate(model, { ort, of, wrt: [...each("x"), ...each("grid")] })),
    places,
  };
}

const old = (mode: string) =>
  mode === "nearest" ? mode : mode === "linear" ? "bilinear" : "bicubic";

describe("samples of a grid and their gradients are PyTorch's", () => {
  it.each(
    groups.flatMap((group) => [
      { group, name: group.name, dtype: "double", opset: 22 },
      { group, name: group.name, dtype: "float", opset: group.grid.dims.length > 4 ? 20 : 16 },
    ]),
  )("$name, $dtype, opset $opset", async ({ group, dtype, opset }) => {
    const { model, gradients, cotangents, places } = await differentiated(group, dtype, opset);
    const session = await sessionOn(model.toBytes(), { logSeverityLevel: 4 });
    const seed = tensor({ dims: places, values: group.cotangent }, dtype);
    const outputs = await session.run({
      x: tensor(group.x, dtype),
      grid: tensor(group.grid, dtype),
      ...Object.fromEntries(Object.values(cotangents).map((name) => [name!, seed])),
    });
    await session.release();
    const tolerance = DIGITS + (dtype === "float" ? 2 ** -18 : 0);
    const off = (name: string, wanted: readonly number[]) => {
      const got = Array.from(outputs[name].data as Float32Array, Number);
      expect(got.length).toBe(wanted.length);
      return Math.max(...got.map((value, k) => Math.abs(value - wanted[k])));
    };
    for (const [k, { mode, padding, aligned, ...wanted }] of group.cases.entries()) {
      const label = `${mode}, ${padding}, ${aligned}`;
      expect(off(`y${k}`, wanted.y), label).toBeLessThan(tolerance);
      expect(off(gradients[`x${k}`]!, wanted.x), `x of ${label}`).toBeLessThan(tolerance);
      expect(off(gradients[`grid${k}`]!, wanted.grid), `grid of ${label}`).toBeLessThan(tolerance);
    }
  });
});

describe("a model that samples a grid", () => {
  it("is tuned through finetune", () => {
    const folder = temporaryFolder();
    const at = (name: string) => path.join(folder, name);
    const cases = path.join(import.meta.dirname, "cases/finetuning");
    const laurelized = cli([path.join(cases, "grid-sample.onnx"), "-o", at("l.onnx"), "--quiet"]);
    expect(laurelized.code).toBe(0);
    const data = ["--data", path.join(cases, "grid-sample.npz"), "--target", "labels"];
    const tuned = cli([
      ...["finetune", at("l.onnx"), ...data, "--loss", "cross-entropy", "--lr", "0.01"],
      ...["-e", "6", "--threads", "1", "-o", at("t.onnx")],
    ]);
    expect([tuned.code, fs.existsSync(at("t.onnx"))]).toEqual([0, true]);
    const losses = [...tuned.stderr.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses.at(-1)).toBeLessThan(losses[0]);
  });
});
