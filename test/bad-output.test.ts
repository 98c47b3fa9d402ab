import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { openModel, saveModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { writeTogether } from "../src/files/node.ts";
import { alone } from "../src/files/node-lock.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { bin } from "./support/cli.ts";
import { fixture, temporaryFolders } from "./support/fixture.ts";
import { expectRefused } from "./support/refused.ts";

const { newFolder, place } = temporaryFolders();
const good = Uint8Array.from(fixture("pre-norm-mlp"));
const placeGood = () => place(good);

describe("an impossible output", { timeout: 60_000 }, () => {
  const to = (output: string, file: string, ...more: string[]) => [
    file,
    "-o",
    output,
    "--no-prove",
    ...more,
  ];
  it("below a file, in a folder that is not there, or in one that takes no files", () => {
    const file = placeGood();
    const folder = path.dirname(file);
    expectRefused(to(path.join(file, "out.onnx"), file), folder, /out|model/);
    expectRefused(to(path.join(folder, "new/out.onnx"), file), folder, "does not exist");
    if (fs.existsSync("/proc/self"))
      expectRefused(
        to("/proc/out.onnx", file),
        folder,
        "its folder does not exist or takes no files",
      );
  });
  it("a directory, also with --force", () => {
    const file = placeGood();
    expectRefused(to(path.dirname(file), file), path.dirname(file), "is a directory");
    expectRefused(to(path.dirname(file), file, "--force"), path.dirname(file), "is a directory");
  });
  it("the input, also by a link and with --force", () => {
    const file = placeGood();
    const folder = path.dirname(file);
    const link = path.join(folder, "link.onnx");
    fs.symlinkSync("model.onnx", link);
    for (const output of [file, link])
      expectRefused(to(output, file, "--force"), folder, "is the input itself");
    expectRefused(
      to(path.join(folder, "../", path.basename(folder), "model.onnx"), file),
      folder,
      "is the input itself",
    );
    expectRefused(to(file, link, "--force"), folder, "is the input itself");
    expect(new Uint8Array(fs.readFileSync(file))).toEqual(good);
  });
  it("a file that is there, without --force", () => {
    const file = placeGood();
    const there = path.join(path.dirname(file), "there.onnx");
    fs.writeFileSync(there, "mine");
    expectRefused(to(there, file), path.dirname(file), "--force");
    expect(fs.readFileSync(there, "utf8")).toBe("mine");
  });
  it("a pipe or a device, which is not replaced either", async () => {
    const file = placeGood();
    const pipe = path.join(path.dirname(file), "pipe");
    spawnSync("mkfifo", [pipe]);
    expectRefused(to(pipe, file, "--force"), path.dirname(file), "is not a regular file");
    const model = await openModel(file);
    for (const target of [pipe, "/dev/null"])
      await expect(saveModel(model, target)).rejects.toThrow("is not a regular file");
    expect(fs.statSync(pipe).isFIFO()).toBe(true);
  });
  it("a name that is too long, or a link that leads nowhere; the longest name is not", async () => {
    const file = placeGood();
    const folder = path.dirname(file);
    const named = (length: number) => path.join(folder, `${"n".repeat(length - 5)}.onnx`);
    expectRefused(to(named(256), file), folder, "cannot be written: its name is too long");
    const loop = path.join(folder, "loop");
    fs.symlinkSync(loop, loop);
    expectRefused(["finetune", file, "--data", loop, "--loss", "mse"], folder, "(ELOOP)");
    await saveModel(await openModel(file), named(255));
    expect(fs.existsSync(named(255))).toBe(true);
  });
  it("with data files, not while another run moves its own to the same place", async () => {
    const folder = newFolder();
    const out = path.join(folder, "out.onnx");
    const lock = path.join(folder, ".out.onnx.lock");
    fs.mkdirSync(lock);
    const message = /written by another process.* remove .*\.out\.onnx\.lock/;
    expect(() => alone(out, () => expect.fail(), 20)).toThrow(message);
    await saveModel(await openModel(placeGood()), out);
    expect(fs.readdirSync(folder)).toEqual([".out.onnx.lock", "out.onnx"]);
    spawn("sh", ["-c", 'sleep 0.1; rmdir "$1"', "sh", lock]);
    const data = new Map([["w.data", bytesSource(good, "w.data")]]);
    writeTogether(bytesSource(good, "out.onnx"), data, out).keep();
    expect(fs.readdirSync(folder)).toEqual(["out.onnx", "w.data"]);
  });
  it("a full disk", (context) => {
    const file = placeGood();
    const disk = newFolder();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", disk]);
    if (mounted.status !== 0) {
      console.warn("a full disk: skipped, a tmpfs cannot be mounted here");
      context.skip();
    }
    try {
      fs.writeFileSync(path.join(disk, "filler"), new Uint8Array(4096));
      expectRefused(to(path.join(disk, "out.onnx"), file), disk, "the disk is full");
      const step = path.join(disk, "step");
      const asked = ["export-step", file, "--loss", "mse", "--target", "t", "-o", step];
      expectRefused(asked, disk, `laurelize: ${step} cannot be written: the disk is full`);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});

describe("what is printed", () => {
  const inShell = (line: string, cwd = newFolder()) =>
    spawnSync("sh", ["-c", line, process.execPath, bin, placeGood()], { encoding: "utf8", cwd });

  it.skipIf(!fs.existsSync("/dev/full"))("onto a full disk is an error", () => {
    for (const words of ['inspect "$2"', "completion bash"]) {
      const { status, stderr } = inShell(`"$0" "$1" ${words} > /dev/full`);
      expect(stderr).toMatch(/^laurelize: [^\n]+\n$/);
      expect(status).toBe(2);
    }
  });

  it("into a pipe that nobody reads stops nothing", () => {
    const folder = newFolder();
    inShell(`"$0" "$1" "$2" --no-prove -o out.onnx | true`, folder);
    expect(fs.readdirSync(folder)).toEqual(["out.onnx"]);
  });

  it("in a folder that was removed is one sentence", () => {
    const { status, stdout, stderr } = inShell(`rmdir "$PWD" && "$0" "$1" inspect "$2" --json`);
    expect(stderr).toMatch(/^laurelize: the working folder does not exist[^\n]+\n$/);
    expect([status, JSON.parse(stdout).error.exitCode]).toEqual([2, 2]);
  });
});
