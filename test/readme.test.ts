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

describe("the English of README and the pages that it names", () => {
  const pages = ["", "src", "passes", "bin", "bin/distributed", "bin/page", "bin/plugin"]
    .concat("fixtures", "test", "test/recipes")
    .map((folder) => path.join(folder, "README.md"))
    .concat("CHANGELOG.md");
  const proseOf = (page: string) =>
    fs
      .readFileSync(path.join(root, page), "utf8")
      .replace(/```[\s\S]*?```/g, "\n\n")
      .split("\n")
      .filter((line) => !/^(#|\||!\[)/.test(line))
      .join("\n")
      .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
      .replace(/`[^`]*`/g, "code");

  it.each(pages)(
    "%s has sentences of at most 30 words, and of fewer than 20 on average",
    (page) => {
      const sentences = proseOf(page)
        .split(/(?<=[.!?])\s+|\n{2,}|\n- /)
        .map((text) => text.split(/\s+/).filter((word) => /\w/.test(word)))
        .filter((words) => words.length > 0);
      expect(sentences.filter((words) => words.length > 30)).toEqual([]);
      expect(sentences.flat().length / sentences.length).toBeLessThan(20);
    },
  );

  it("README has at most 1,200 words", () => {
    expect(readme.split(/\s+/).length).toBeLessThanOrEqual(1200);
  });

  it.each([
    /\bis no\b/,
    /whole number from/,
    /\bheld against\b/,
    /\bis told\b/,
    /\btells\b/,
    /made small/,
    /\bwhere that is\b/,
  ])("does not say %s", (phrase) => expect(proseOf("README.md")).not.toMatch(phrase));
});
