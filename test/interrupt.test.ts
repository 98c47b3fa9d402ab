import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, LITTLE, TOWARDS } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { isNightly } from "./support/sweep.ts";

const scratch = temporaryFolder();
const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");

/** A model that loops, as onnxruntime runs it for the proof. */
const looping = (turns: string) =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 8] x) => (float[2, 8] out)
<float[8, 16] up, float[16, 8] down, float[8, 8] w, int64 turns = {${turns}}>
{
  h = MatMul(x, up)
  r = Relu(h)
  f = MatMul(r, down)
  y = Add(f, x)
  long = Loop<body = turn (int64 k, bool going, float[2, 8] a) => (bool goes, float[2, 8] b) {
    goes = Identity(going)
    b = Relu(a)
  }>(turns, "", y)
  out = MatMul(long, w)
}`);

/** Longer than anybody waits. */
const ENDLESS = looping("4000000000000000000");

const until = async (holds: () => boolean) => {
  const start = performance.now();
  while (!holds()) {
    expect(performance.now() - start).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

it.each([40, 120])("the child ends with a program that is killed after %i ms", async (delay) => {
  const child = spawn(process.execPath, [bin, "no.onnx"], { stdio: "pipe" });
  // Both hold the pipes, which close once both have ended.
  const closed = new Promise((resolve) => child.once("close", resolve));
  setTimeout(() => child.kill("SIGKILL"), delay);
  await closed;
});

it("a file that appears while the result is proved is not replaced without --force", async () => {
  const folder = path.join(scratch, "race");
  fs.mkdirSync(folder);
  const [model, result] = ["model.onnx", "model.laurel.onnx"].map((name) =>
    path.join(folder, name),
  );
  fs.writeFileSync(model, looping("8000"));
  const child = spawn(process.execPath, [bin, model], { stdio: "pipe" });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await until(() => fs.readdirSync(folder).length === 2);
  fs.writeFileSync(result, "mine");
  expect(await ended).toBe(2);
  expect(said).toContain("model.laurel.onnx exists; pass --force");
  expect(fs.readdirSync(folder)).toEqual(["model.laurel.onnx", "model.onnx"]);
  expect(fs.readFileSync(result, "utf8")).toBe("mine");
});

describe.skipIf(process.platform === "win32")("a run that is ended", { timeout: 60_000 }, () => {
  it.skipIf(!isNightly)("by a signal while it trains leaves whole checkpoints alone", async () => {
    const folder = path.join(scratch, "training");
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, "model.onnx"), modelOfText(LITTLE));
    fs.writeFileSync(path.join(folder, "data.npz"), npzOf(examples(64, "rows")));
    const options = ["--data", "data.npz", ...TOWARDS, "--epochs", "100000", "--force"];
    for (let k = 0; k < 6; k++) {
      const words = [bin, "finetune", "model.onnx", ...options];
      const child = spawn(process.execPath, words, { cwd: folder, stdio: "ignore" });
      const ended = new Promise((resolve) => child.once("exit", (code, by) => resolve(by ?? code)));
      await until(() => fs.existsSync(path.join(folder, "model.tuned.state.safetensors")));
      await new Promise((resolve) => setTimeout(resolve, 500 + 100 * k));
      child.kill(k % 2 === 0 ? "SIGTERM" : "SIGKILL");
      // 143 if it came while a checkpoint was written: a shell sees 143 for both.
      expect(k % 2 === 0 ? ["SIGTERM", 143] : ["SIGKILL"]).toContain(await ended);
      await until(() => !fs.readdirSync(folder).some((name) => name.endsWith(".tmp")));
      fs.rmSync(path.join(folder, "model.tuned.state.safetensors"));
    }
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "by %s while onnxruntime is busy ends at once and leaves nothing",
    async (signal) => {
      const folder = path.join(scratch, signal);
      fs.mkdirSync(folder);
      fs.writeFileSync(path.join(folder, "model.onnx"), ENDLESS);
      const child = spawn(process.execPath, [bin, path.join(folder, "model.onnx")], {
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.once("exit", (_, by) => resolve(by)));
      await until(() => fs.readdirSync(folder).length === 2);
      await new Promise((resolve) => setTimeout(resolve, isNightly ? 1000 : 300));
      expect(fs.readdirSync(folder).some((name) => name.endsWith(".tmp"))).toBe(true);
      const start = performance.now();
      child.kill(signal);
      expect(await ended).toBe(signal);
      expect(performance.now() - start).toBeLessThan(5000);
      await until(() => fs.readdirSync(folder).join() === "model.onnx");
    },
  );
});
