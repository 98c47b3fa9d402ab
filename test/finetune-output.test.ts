import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { littleTraining } from "./support/little-training.ts";

const folder = temporaryFolder();
const { at, args, run } = littleTraining(folder);
const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");
const ENDINGS = [".onnx", ".safetensors", ".json", ".svg", ".state.safetensors"];

/** All files below a folder, by name, hidden ones too. */
const contents = (home: string) =>
  Object.fromEntries(
    fs
      .readdirSync(home, { recursive: true, encoding: "utf8" })
      .filter((name) => fs.statSync(path.join(home, name)).isFile())
      .map((name) => [name, fs.readFileSync(path.join(home, name)).toString("base64")]),
  );

/** Refused before the first step, in one sentence, with nothing written. */
function expectRefused(output: string, why: RegExp, ...more: string[]): void {
  const before = contents(folder);
  const ran = run("train.npz", "--epochs", "2", "-o", output, ...more);
  expect(ran.code, ran.stderr).toBe(2);
  expect(ran.stderr).toMatch(why);
  expect(ran.stderr.trim().split("\n")).toHaveLength(1);
  expect(contents(folder)).toEqual(before);
}

describe("what finetune writes", { timeout: 120_000 }, () => {
  it("is refused before training if it cannot be", () => {
    expectRefused(at("none/out.onnx"), /none does not exist/);
    expectRefused(at("train.npz/out.onnx"), /train\.npz/);
    expectRefused(folder, /is a directory/);
    for (const input of ["net.onnx", "train.npz"])
      expectRefused(at(input), /is the input itself/, "--force");
    if (fs.existsSync("/proc/self")) expectRefused("/proc/out.onnx", /cannot be written into/);
  });

  it("replaces none of its five files without --force", () => {
    for (const ending of ENDINGS) {
      fs.writeFileSync(at(`mine${ending}`), "mine");
      expectRefused(at("mine.onnx"), /mine\.\S+ exists; pass --force/);
      fs.rmSync(at(`mine${ending}`));
    }
  });

  it("is complete or absent on a disk that fills up in between", (context) => {
    const disk = at("disk");
    fs.mkdirSync(disk);
    const tune = (out: string, epochs = "1") =>
      run("train.npz", "--epochs", epochs, "--rank", "2", "-o", out);
    expect(tune(at("roomy.onnx")).code).toBe(0);
    // Room for everything but the curve.
    const pages = ENDINGS.filter((ending) => ending !== ".svg")
      .map((ending) => Math.ceil(fs.statSync(at(`roomy${ending}`)).size / 4096))
      .reduce((a, b) => a + b);
    const size = `size=${4 * pages}k`;
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", disk]);
    if (mounted.status !== 0) {
      console.warn("a disk that fills up: skipped, a tmpfs cannot be mounted here");
      context.skip();
    }
    try {
      const ran = tune(path.join(disk, "t.onnx"));
      expect(ran.code, ran.stderr).toBe(2);
      expect(ran.stderr).toMatch(/the disk is full.* training is in .*t\.state\.safetensors/);
      expect(fs.readdirSync(disk)).toEqual(["t.state.safetensors"]);
      // Room for one state, and not for the next beside it.
      const state = fs.statSync(path.join(disk, "t.state.safetensors")).size / 4096;
      spawnSync("mount", ["-o", `remount,size=${Math.ceil(6 * state)}k`, disk]);
      fs.rmSync(path.join(disk, "t.state.safetensors"));
      const second = tune(path.join(disk, "u.onnx"), "2");
      expect(second.code, second.stderr).toBe(2);
      expect(second.stderr).toMatch(/the disk is full.* training is in .*u\.state\.safetensors/);
      expect(fs.readdirSync(disk)).toEqual(["u.state.safetensors"]);
    } finally {
      spawnSync("umount", [disk]);
      fs.rmdirSync(disk);
    }
  });

  it("is what it was, if one of the files cannot be replaced at the end", async () => {
    const home = at("late");
    fs.mkdirSync(home);
    const out = ["-o", path.join(home, "t.onnx")];
    expect(run("train.npz", "--epochs", "1", ...out).code).toBe(0);
    const before = contents(home);
    const given = args("train.npz", "--epochs", "100000", "--lr", "0.03", "--force", ...out);
    fs.rmSync(path.join(home, "t.svg"));
    const child = spawn(process.execPath, [bin, ...given], { stdio: ["ignore", "ignore", "pipe"] });
    const code = new Promise((resolve) => child.once("exit", resolve));
    let said = "";
    child.stderr.on("data", (data) => {
      if (!said.includes("epoch 2/") && `${said}${data}`.includes("epoch 2/")) {
        fs.mkdirSync(path.join(home, "t.svg/in-the-way"), { recursive: true });
        child.kill("SIGINT");
      }
      said += data;
    });
    expect(await code, said).toBe(2);
    expect(said).toMatch(/t\.onnx cannot be written/);
    fs.rmSync(path.join(home, "t.svg"), { recursive: true });
    const after = contents(home);
    for (const name of ["t.onnx", "t.safetensors", "t.json"])
      expect(after[name] === before[name], name).toBe(true);
    expect(Object.keys(after).sort()).toEqual(
      Object.keys(before)
        .filter((name) => name !== "t.svg")
        .sort(),
    );
  });

  it("goes to stdout as results alone, and nowhere with --quiet", () => {
    const [json, plain, quiet] = [["--json"], [], ["--quiet"]].map((more, k) =>
      run("train.npz", "--epochs", "2", "-o", at(`said${k}.onnx`), ...more),
    );
    expect(JSON.parse(json.stdout).files.model).toBe(at("said0.onnx"));
    expect(json.stderr).toMatch(/^epoch 1\/2: .*\nepoch 2\/2: .*\n$/);
    expect(plain.stdout).toMatch(/^16 steps, best after epoch 2: .*\nwrote .*said1\.onnx .*\n/);
    expect(plain.stdout).not.toContain("epoch 1/");
    expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([0, "", ""]);
  });
});
