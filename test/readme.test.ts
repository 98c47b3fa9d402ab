import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";

const root = path.join(import.meta.dirname, "..");
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
const folder = temporaryFolder();

it("README's build script runs as it stands and writes a model", async () => {
  const script = /```js\n([\s\S]*?)```/.exec(readme)![1];
  expect(script.trim().split("\n")).toHaveLength(5);
  fs.writeFileSync(path.join(folder, "model.onnx"), fixture("pre-norm-mlp"));
  const file = path.join(root, "dist/readme.mjs");
  fs.writeFileSync(file, script);
  const { status, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
  fs.rmSync(file);
  expect([status, stderr]).toEqual([0, ""]);
  await ort.InferenceSession.create(path.join(folder, "model.laurel.onnx"));
});

it("README names no command or option that is not there", () => {
  const help = [[], ["inspect"], ["verify"], ["strip"], ["finetune"], ["extract"], ["apply"]]
    .map((c) => cli([...c, "--help"]).stdout)
    .join();
  const options = new Set(readme.match(/(?<=[\s`(])--[a-z][a-z-]+/g));
  for (const option of options)
    if (!["--ignore-scripts"].includes(option))
      expect(help).toContain(option.replace("--no-", "--"));
});
