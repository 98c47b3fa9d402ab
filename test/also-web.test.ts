import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { cli, type Ran } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { installed } from "./support/installed.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
const folder = temporaryFolder();
const place = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};
const opinion = (stdout: string) =>
  JSON.parse(stdout).proof.checks.find(({ name }: { name: string }) => name === "a second opinion");

describe("laurelize --also-web", { timeout: 60_000 }, () => {
  it("repeats the same-function check under onnxruntime-web", () => {
    const model = place("model.onnx", fixture("pre-norm-mlp"));
    const { code, stdout, stderr } = cli([model, "--also-web", "--rank", "4"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/same function +bit-equal on 3 inputs/);
    expect(stdout).toMatch(
      /a second opinion +bit-equal on 3 inputs; fully optimized differs by \S+ .*noise/,
    );
    expect(cli([model, "-f", "--rank", "4"]).stdout).not.toContain("a second opinion");
  });

  it("is another runtime's own measurement, in half precision too", () => {
    const model = place(
      "half.onnx",
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float16[2, 8] x) => (float16[2, 8] y) <float16[8, 8] w> { f = MatMul(x, w) y = Add(x, f) }`),
    );
    const { code, stdout, stderr } = cli([model, "--also-web", "--json", "--rank", "4"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(opinion(stdout)).toMatchObject({ outcome: "passed", inputs: 3, error: null });
    expect(opinion(stdout).outputs).toHaveLength(1);
  });

  it("passes on weights that lie beside the model, the new ones too", () => {
    const model = place("plain.onnx", fixture("pre-norm-mlp"));
    const first = cli([model, "--external-data", "--also-web", "--json", "--rank", "8"]);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(opinion(first.stdout)).toMatchObject({ outcome: "passed", inputs: 3 });
    const written = path.join(folder, "plain.laurel.onnx");
    expect(fs.existsSync(`${written}_data`)).toBe(true);
    const second = cli([written, "--again", "--also-web", "--json", "--variant", "rw"]);
    expect([second.code, second.stderr]).toEqual([0, ""]);
    expect(opinion(second.stdout)).toMatchObject({ outcome: "passed", inputs: 3 });
  });

  it("finds a difference that only the other runtime makes, and writes nothing", async () => {
    const points = Float32Array.from({ length: 4096 }, (_, k) => k / 2048 - 1);
    const exp = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[4096] k) => (float[4096] e) { e = Exp(k) }`);
    const powers = async ({ InferenceSession, Tensor }: typeof ort | typeof web) => {
      const session = await InferenceSession.create(exp);
      const { e } = await session.run({ k: new Tensor("float32", points, [4096]) });
      return e.data as Float32Array;
    };
    const theirs = await powers(web);
    expect(await powers(ort), "the two round Exp differently").not.toEqual(theirs);
    // 1 / gap is infinite where Exp is rounded as onnxruntime-web does, and there 0 · ∞ is NaN.
    const values = (all: Float32Array) => `{${[...all].map((v) => v.toFixed(30)).join(", ")}}`;
    const model = place(
      "rounded.onnx",
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]> g (float[2, 8] x) => (float[2, 8] y)
      <float[8, 8] w, float[1] one = {1.0}, float[4096] k = ${values(points)}, float[4096] e = ${values(theirs)}>
      { p = Exp(k) d = Sub(p, e) a = Abs(d) gap = ReduceMax(a) far = Div(one, gap)
        i = Add(x, far) t = Tanh(i) h = MatMul(t, w) [res] y = Add(i, h) }`),
    );
    const { code, stdout, stderr } = cli([model, "--variant", "lr", "--also-web", "--rank", "4"]);
    expect(stdout).toMatch(/^✓ same function +bit-equal on 3 inputs/m);
    expect(stdout.match(/✗ .*/g)).toEqual([expect.stringMatching(/a second opinion +differs by/)]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('failed ("a second opinion")')]);
    expect(fs.existsSync(path.join(folder, "rounded.laurel.onnx"))).toBe(false);
    expect(cli([model, "--variant", "lr", "--rank", "4"]).code).toBe(0);
  });

  const withheld = ({ code, stdout, stderr }: Ran, reason: RegExp) => {
    expect(stdout).toMatch(/^✓ same function +bit-equal/m);
    expect(stdout).toMatch(new RegExp(`^\\? a second opinion +not run: ${reason.source}`, "m"));
    expect(stdout).not.toContain("wrote");
    expect([code, stderr]).toEqual([4, expect.stringMatching(/not everything was proved: .*-web/)]);
  };

  it("does not pass if the weights are too large for the other runtime", () => {
    const model = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    const tensor = model.graph!.initializer!.find(({ rawData }) => rawData!.length >= 64)!;
    const data = path.join(folder, "large.data");
    fs.writeFileSync(data, tensor.rawData!);
    fs.truncateSync(data, 1.5e9); // sparse
    tensor.externalData = Object.entries({
      location: "large.data",
      length: tensor.rawData!.length,
    }).map(([key, value]) => onnx.StringStringEntryProto.create({ key, value: String(value) }));
    tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
    tensor.rawData = new Uint8Array();
    const file = place("large.onnx", onnx.ModelProto.encode(model).finish());
    withheld(cli([file, "--also-web", "--rank", "4"]), /the model and its weights take 1.50 GB/);
    expect(fs.existsSync(path.join(folder, "large.laurel.onnx"))).toBe(false);
    const { proof, output } = JSON.parse(cli([file, "--also-web", "--json"]).stdout);
    expect([output, proof.passed]).toEqual([null, false]);
    expect(proof.checks.at(-1)).toEqual({
      name: "a second opinion",
      outcome: "not run",
      reason: expect.stringContaining("1.50 GB"),
    });
  });

  // NCHWc operators are those of onnxruntime's own kernels for x64 processors.
  it.runIf(process.arch === "x64")("does not pass if the other refuses the original", () => {
    const file = place(
      "blocked.onnx",
      modelOfText(`<ir_version: 8, opset_import: ["" : 17, "com.microsoft.nchwc" : 1]>
      g (float[1, 8, 4, 4] x) => (float[1, 8, 4, 4] y) <float[8, 8, 1, 1] w>
      { b = com.microsoft.nchwc.ReorderInput(x)
        p = com.microsoft.nchwc.ReorderOutput<channels = 8>(b) f = Conv(p, w) [res] y = Add(x, f) }`),
    );
    const ran = cli([file, "--also-web", "--rank", "4"]);
    withheld(ran, /the other runtime rejects the original \(.*ReorderInput/);
    expect(fs.existsSync(path.join(folder, "blocked.laurel.onnx"))).toBe(false);
    expect(cli([file, "--rank", "4"]).code).toBe(0);
  });

  it("is refused if nothing is to be proved", () => {
    const model = place("unproved.onnx", fixture("pre-norm-mlp"));
    const { code, stderr } = cli([model, "--also-web", "--no-prove"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--no-prove")]);
  });

  it("says what to install if onnxruntime-web is not there", () => {
    const model = place("other.onnx", fixture("pre-norm-mlp"));
    const args = [installed(path.join(folder, "bare")), model, "--also-web"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([status, stderr]).toEqual([
      2,
      "laurelize: --also-web needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.\n",
    ]);
    expect(fs.existsSync(path.join(folder, "other.laurel.onnx"))).toBe(false);
  });
});
