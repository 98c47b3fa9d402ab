import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { resnet50 } from "./support/resnet50.ts";
import { sessionOn } from "./support/session.ts";

const SIDE = 32;

describe("a ResNet-50 as torch exports it", { timeout: 60_000 }, () => {
  const folder = temporaryFolder();
  const model = path.join(folder, "resnet50.onnx");
  fs.writeFileSync(model, resnet50(SIDE));
  const laurelize = (...args: string[]) => {
    const { code, stdout, stderr } = cli(args);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    return stdout;
  };

  it("reports 16 sites in 4 streams, proves them and writes a model that runs", async () => {
    const report = laurelize(model, "--dim", "batch=2");
    expect(report).toContain("resnet50.onnx   IR 8, opset 17, 25.5 M weights");
    expect(report).toMatch(/^16 residual sums in 4 streams \(.*\)/m);
    expect(report).toContain("12 identity");
    expect(report).toContain("4 projected");
    expect(report).toContain("rw+lr, rank 16: 483,360 new weights (+1.89 %)");
    expect(report).toMatch(/same function +bit-equal on \d inputs/);
    expect(report).toMatch(/right formula +16 of 16 sites/);
    expect(report).toMatch(/nothing else.* 108 weights, 1 input, 1 output, metadata: unchanged/);

    const session = await sessionOn(path.join(folder, "resnet50.laurel.onnx"));
    const input = new ort.Tensor(new Float32Array(3 * 3 * SIDE * SIDE).fill(0.5), [
      3,
      3,
      SIDE,
      SIDE,
    ]);
    const { output } = await session.run({ input });
    expect(output.dims).toEqual([3, 1000]);
    await session.release();
  });

  it.each([
    ["rw", 32, 2],
    ["lr", 483_328, 16 * (256 + 256)],
  ])("%s adds %i parameters, %i of them at the first site", (variant, added, first) => {
    const output = path.join(folder, `${variant}.onnx`);
    const printed = JSON.parse(
      laurelize(model, "--variant", variant, "--json", "--no-prove", "-o", output),
    );
    expect(printed.parameters.added).toBe(added);
    expect(printed.parameters.model).toBe(25_530_472);
    expect(Object.values(printed.parameters.perSite)[0]).toBe(first);
    expect(printed.sites).toHaveLength(16);
    expect(fs.statSync(output).size).toBeGreaterThan(fs.statSync(model).size + 4 * added);
  });

  it("distinguishes projected sites from the others, and the streams between them", () => {
    const { sites, rejected } = JSON.parse(laurelize("inspect", model, "--json")) as {
      sites: { name: string; kind: string; stream: number; position: number; feature: object }[];
      rejected: unknown[];
    };
    expect(rejected).toEqual([]);
    const sizes = [3, 4, 6, 3];
    const expected = sizes.flatMap((blocks, stream) =>
      Array.from({ length: blocks }, (_, position) => ({
        name: `/layer${stream + 1}/layer${stream + 1}.${position}/Add`,
        kind: position === 0 ? "projected" : "identity",
        stream,
        position,
        feature: { axis: 1, size: 256 << stream },
      })),
    );
    expect(sites).toMatchObject(expected);
  });
});
