import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
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
  const help = [[], ["inspect"], ["compare"], ["strip"], ["finetune"], ["extract"], ["apply"]]
    .map((c) => cli([...c, "--help"]).stdout)
    .join();
  const options = new Set(readme.match(/(?<=[\s`(])--[a-z][a-z-]+/g));
  for (const option of options)
    if (!["--omit"].includes(option)) expect(help).toContain(option.replace("--no-", "--"));
});

describe("README's English", () => {
  const prose = readme
    .replace(/```[\s\S]*?```/g, "")
    .split("\n")
    .filter((line) => !/^(#|\||!\[)/.test(line))
    .join("\n")
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .replace(/`[^`]*`/g, "code");
  const sentences = prose
    .split(/(?<=[.:!?])\s+|\n{2,}|\n- /)
    .map((text) => text.split(/\s+/).filter((word) => /\w/.test(word)).length)
    .filter((words) => words > 0);

  it("has at most 1,200 words, in sentences of at most 30 and of fewer than 20 on average", () => {
    expect(sentences.length).toBeGreaterThan(30);
    expect(readme.split(/\s+/).length).toBeLessThanOrEqual(1200);
    expect(Math.max(...sentences)).toBeLessThanOrEqual(30);
    expect(sentences.reduce((sum, words) => sum + words, 0) / sentences.length).toBeLessThan(20);
  });

  it.each([
    /\bis no\b/,
    /whole number from/,
    /\bheld against\b/,
    /\bis told\b/,
    /\btells\b/,
    /made small/,
    /\bwhere that is\b/,
  ])("does not say %s", (phrase) => expect(prose).not.toMatch(phrase));
});
