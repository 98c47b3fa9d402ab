import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const root = path.join(import.meta.dirname, "..");
const folder = temporaryFolder();
const place = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};
const opinion = (stdout: string) =>
  JSON.parse(stdout).verification.checks.find(
    ({ name }: { name: string }) => name === "a second opinion",
  );

describe("laurelize --also-web", { timeout: 60_000 }, () => {
  it("repeats the same-function check under onnxruntime-web", () => {
    const model = place("model.onnx", fixture("pre-norm-mlp"));
    const { code, stdout, stderr } = cli([model, "--also-web", "--rank", "4"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/same function +bit-equal on 3 inputs/);
    expect(stdout).toMatch(/a second opinion +bit-equal on 3 inputs; fully optimised \S+, .*noise/);
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
    expect(opinion(stdout)).toMatchObject({ passed: true, inputs: 3, error: null, skipped: null });
    expect(opinion(stdout).outputs).toHaveLength(1);
  });

  it("hands over weights that lie beside the model, the new ones too", () => {
    const model = place("plain.onnx", fixture("pre-norm-mlp"));
    const first = cli([model, "--external-data", "--also-web", "--json", "--rank", "8"]);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(opinion(first.stdout)).toMatchObject({ passed: true, inputs: 3, skipped: null });
    const written = path.join(folder, "plain.laurel.onnx");
    expect(fs.existsSync(`${written}.data`)).toBe(true);
    const second = cli([written, "--again", "--also-web", "--json", "--variant", "rw"]);
    expect([second.code, second.stderr]).toEqual([0, ""]);
    expect(opinion(second.stdout)).toMatchObject({ passed: true, inputs: 3, skipped: null });
  });

  it("finds a difference under the other runtime, and writes nothing", () => {
    const model = place(
      "infinite.onnx",
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] z) <float[8, 8] w, float[1] zero = {0}>
      { i = Div(x, zero) f = MatMul(x, w) t = Tanh(i) [res] y = Add(i, h) h = MatMul(t, w) z = Atan(y) }`),
    );
    const { code, stdout } = cli([model, "--variant", "lr", "--also-web", "--rank", "4"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ a second opinion +differs by/);
    expect(fs.existsSync(path.join(folder, "infinite.laurel.onnx"))).toBe(false);
  });

  it("is refused where nothing is to be proved", () => {
    const model = place("unproved.onnx", fixture("pre-norm-mlp"));
    const { code, stderr } = cli([model, "--also-web", "--no-verify"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--no-verify")]);
  });

  it("says what to install where onnxruntime-web is not there", () => {
    const bare = path.join(folder, "bare");
    fs.mkdirSync(path.join(bare, "node_modules"), { recursive: true });
    fs.cpSync(path.join(root, "dist"), path.join(bare, "dist"), { recursive: true });
    fs.copyFileSync(path.join(root, "package.json"), path.join(bare, "package.json"));
    for (const name of fs.readdirSync(path.join(root, "node_modules")))
      if (name !== "onnxruntime-web" && !name.startsWith("."))
        fs.symlinkSync(
          path.join(root, "node_modules", name),
          path.join(bare, "node_modules", name),
          "junction",
        );
    const model = place("other.onnx", fixture("pre-norm-mlp"));
    const args = [path.join(bare, "dist/bin/laurelize.js"), model, "--also-web"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([status, stderr]).toEqual([
      2,
      "laurelize: --also-web needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.\n",
    ]);
    expect(fs.existsSync(path.join(folder, "other.laurel.onnx"))).toBe(false);
  });
});
