import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { helpTexts } from "./support/cli.ts";
import { ENGINE_FLAGS } from "./support/engine-flags.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";

const root = path.join(import.meta.dirname, "..");
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
const folder = temporaryFolder();

describe("README's snippets, as they stand", () => {
  const [node, browser] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);

  /** Runs a script in a folder that holds a model and data to train with. */
  function run(code: string, ...flags: string[]) {
    const floats = (k: number) => Float32Array.from({ length: 8 * 48 }, (_, i) => Math.sin(i * k));
    fs.writeFileSync(path.join(folder, "model.onnx"), fixture("pre-norm-mlp"));
    const arrays = { x: [floats(1), [8, 6, 8]], y: [floats(2), [8, 6, 8]] } as const;
    fs.writeFileSync(path.join(folder, "train.npz"), npzOf(arrays));
    const file = path.join(root, "dist/readme.mjs");
    fs.writeFileSync(file, code);
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: "1" };
    const done = spawnSync(process.execPath, [...flags, file], {
      cwd: folder,
      encoding: "utf8",
      env,
    });
    fs.rmSync(file);
    return [done.status, done.stderr];
  }

  it("the build script writes the laurelized and the tuned model", async () => {
    expect(run(node)).toEqual([0, ""]);
    for (const file of ["model.laurel.onnx", "model.tuned.onnx"])
      await ort.InferenceSession.create(path.join(folder, file));
  });

  it("the browser's script makes a session of onnxruntime-web", () => {
    const given =
      'import fs from "node:fs";\nconst file = new Blob([fs.readFileSync("model.onnx")]);\n';
    const code = `${given}${browser}console.assert(session.outputNames.length === 1);`;
    expect(run(code, ...ENGINE_FLAGS)).toEqual([0, ""]);
  });
});

it("README names no command or option that is not there", () => {
  const help = Object.values(helpTexts).join();
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
