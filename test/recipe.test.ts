import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { defineConfig } from "laurelize/config";
import { describe, expect, it } from "vitest";
import { bin, cli, cliProcess } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";

const root = temporaryFolder();
let count = 0;

/** A working folder with a model and these files. */
function workingFolder(files: Readonly<Record<string, string>>): string {
  const folder = path.join(root, String(count++));
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, "m.onnx"), fixture("pre-norm-transformer"));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  return folder;
}

const TYPESCRIPT = `
import { defineConfig } from "laurelize/config";
const rank: number = 2;
export default defineConfig({
  recipes: {
    small: { variant: "rw+lr", rank, last: 1, dryRun: true, epochs: 3 },
    mistyped: { rnk: 3 },
    wrong: { rank: "three" },
  },
});
`;
const JSON_RECIPES = {
  recipes: {
    small: { variant: "lr", "per-channel": false, include: "y1", force: true, featureAxis: 2 },
  },
};

// The types of a configuration: what is an option, and of which kind.
defineConfig({
  recipes: {
    good: { variant: "rw", include: ["*"], weightDecay: 0.1, dim: ["N=1"], classWeights: [1, 2] },
    even: { classWeights: "balanced" },
  },
});
// @ts-expect-error: no command has this option
defineConfig({ recipes: { bad: { rnk: 3 } } });
// @ts-expect-error: a rank is a number
defineConfig({ recipes: { bad: { rank: "3" } } });

describe("--recipe", () => {
  const typed = workingFolder({ "laurelize.config.ts": TYPESCRIPT });

  it("takes options from laurelize.config.ts, and the command line wins", () => {
    const { code, stdout, stderr } = cliProcess(
      ["m.onnx", "--recipe", "small"],
      {},
      undefined,
      typed,
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("rw+lr, rank 2 at 1 site: ");
    expect(stdout).toContain("dry run");
    const own = cli(
      [path.join(typed, "m.onnx"), "--recipe=small", "-r", "3", "-v", "lr", "--no-dry-run"],
      typed,
    );
    expect(own.stdout).toContain("lr, rank 3 at 1 site: ");
    expect(fs.existsSync(path.join(typed, "m.laurel.onnx"))).toBe(true);
    expect(fs.readdirSync(typed).sort()).toEqual([
      "laurelize.config.ts",
      "m.laurel.onnx",
      "m.onnx",
    ]);
  });

  it("takes them from the key of package.json for every command that has them", () => {
    const folder = workingFolder({ "package.json": JSON.stringify({ laurelize: JSON_RECIPES }) });
    const given = ["inspect", path.join(folder, "m.onnx"), "--recipe", "small", "--json"];
    const { code, stdout, stderr } = cli(given, folder);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout).sites.map(({ name }: { name: string }) => name)).toEqual(["y1"]);
  });

  it("holds lists of numbers, one number for a list, or a word in its place", () => {
    const tuned = (recipe: object) => {
      const text = JSON.stringify({ recipes: { small: recipe } });
      const folder = workingFolder({ "laurelize.config.json": text });
      const given = ["finetune", path.join(folder, "m.onnx"), "--recipe", "small"];
      const more = ["--data", "no.npz", "--loss", "cross-entropy", "--target", "y"];
      return cli([...given, ...more], folder).stderr;
    };
    expect(tuned({ "class-weights": "balanced", mean: 0.5 })).toMatch(/no\.npz/);
    expect(tuned({ classWeights: [1, -2] })).toMatch(/at least 0 \(got 1, -2\)/);
    expect(tuned({ classWeights: "even" })).toMatch(/must be "balanced" or an array of numbers/);
  });

  const json = JSON.stringify(JSON_RECIPES);
  it.each<[string, Record<string, string>, string[], RegExp]>([
    [
      "a recipe that is not there",
      { "laurelize.config.json": json },
      ["smal"],
      /did you mean small\?/,
    ],
    [
      "a mistyped option",
      { "laurelize.config.ts": TYPESCRIPT },
      ["mistyped"],
      /no option rnk; did you mean rank\?/,
    ],
    [
      "a value of the wrong type",
      { "laurelize.config.ts": TYPESCRIPT },
      ["wrong"],
      /rank .*must be a number/,
    ],
    ["a missing configuration", {}, ["small"], /--recipe needs a laurelize\.config\.ts/],
    [
      "two of them",
      { "laurelize.config.json": json, "laurelize.config.mjs": "" },
      ["small"],
      /keep one/,
    ],
    [
      "broken JSON",
      { "laurelize.config.json": "{" },
      ["small"],
      /laurelize\.config\.json cannot be loaded/,
    ],
    [
      "a script that throws",
      { "laurelize.config.mjs": "throw new Error('no')" },
      ["small"],
      /cannot be loaded: no/,
    ],
    [
      "another form",
      { "laurelize.config.json": '{"small":{}}' },
      ["small"],
      /must hold \{ recipes/,
    ],
    [
      "a value that is no choice",
      { "laurelize.config.json": '{"recipes":{"small":{"variant":"rx"}}}' },
      ["small"],
      /option variant of recipe small of laurelize\.config\.json cannot be rx: .* did you mean rw\?/,
    ],
    ["no name", { "laurelize.config.json": json }, [], /--recipe takes a value/],
  ])("refuses %s in a sentence", (_, files, name, why) => {
    const { code, stdout, stderr } = cli(["m.onnx", "--recipe", ...name], workingFolder(files));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(why);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it.skipIf(process.platform === "win32")("waits for no pipe in the place of a file", () => {
    const folder = workingFolder({});
    const names = ["package.json", "laurelize.config.json", "laurelize.config.ts"];
    spawnSync("mkfifo", names, { cwd: folder });
    const run = (...args: string[]) => cliProcess(["strip", "m.onnx", ...args], {}, bin, folder);
    expect(run().stderr).toContain("not laurelized");
    expect(run("--recipe", "small").stderr).toContain("--recipe needs");
  });

  it("loads nothing that is not asked for, nor from a folder above", () => {
    const outer = workingFolder({ "laurelize.config.mjs": "throw new Error('loaded')" });
    expect(cli(["strip", path.join(outer, "m.onnx")], outer).stderr).toContain("not laurelized");
    const inner = path.join(outer, "inner");
    fs.mkdirSync(inner);
    expect(cli(["../m.onnx", "--recipe", "small"], inner).stderr).toContain("--recipe needs");
  });
});
