import { fork, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { laurelize, openModel, saveModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { judgeEnd } from "./fuzz/command.ts";
import { judgeError } from "./fuzz/examine.ts";
import { agreement } from "./fuzz/independent.ts";
import { complaint } from "./fuzz/sentence.ts";
import { watch } from "./fuzz/watch.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;
const root = path.join(import.meta.dirname, "..");
const { scripts } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const places = [path.join(root, "node_modules/.bin"), process.env.PATH].join(path.delimiter);
const env = { ...process.env, PATH: places };
const scratch = temporaryFolder();
/** `npm run fuzz -- 600` goes on for as many seconds. */
const CASES = isNightly ? 1000 : 4;

describe("the fuzz test", { timeout: 900_000 }, () => {
  it("finds nothing in mutated models", () => {
    const run = (command: string, args: readonly string[], shell = false) =>
      spawnSync(command, args, { cwd: root, encoding: "utf8", shell, env });
    const built = run(scripts["build:fuzz"], [], true);
    expect(built.status, built.stderr).toBe(0);
    const keep = path.join(root, "dist", "fuzz", "found");
    const { status, stdout, stderr } = run(process.execPath, [
      "dist/fuzz/run.mjs",
      ...["--cases", String(CASES), "--from", "1", "--keep", keep],
    ]);
    console.info(stdout);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/\d+ passed \(full\), equal/);
  });
});

describe("what the fuzz test would not let pass", { timeout: 60_000 }, () => {
  it.each([
    ["model is damaged", "does not end with a period"],
    ["two\nlines.", "is not on one line"],
    ["Error at f (/a/b.js:1:2).", "holds a stack"],
    ["x is undefined.", "speaks of the tool's inside"],
  ])("the message %j", (message, wrong) => expect(complaint(message)).toBe(wrong));

  it("an error of another kind", () => {
    expect(judgeError(new TypeError("x is not a function")).finding).toBe("TypeError is thrown");
  });

  it.each([
    [{ left: ["model.onnx", "weights.bin", ".model.laurel.onnx.1.tmp"] }, /the folder holds/],
    [{ untouched: false }, /the input is not what it was/],
    [{ stderr: "laurelize: one.\nlaurelize: two.\n" }, /says 2 things/],
    [{ stderr: "laurelize: x; this is a fault of laurelize.\n" }, /speaks of the tool's inside/],
    [{ code: 139 }, /exits 139/],
    [{ code: 0 }, /the folder holds/],
  ])("a command that ends with %j", (end, wrong) => {
    const good = {
      code: 2,
      stderr: "laurelize: model.onnx is empty.\n",
      left: ["model.onnx", "weights.bin"],
      untouched: true,
      task: "laurelize" as const,
    };
    expect(judgeEnd(good)).toBe(null);
    expect(judgeEnd({ ...good, ...end })).toMatch(wrong);
  });

  it("a result that computes something else", async () => {
    const bytes = fixture("pre-norm-mlp");
    const { model } = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const file = path.join(scratch, "result.onnx");
    await saveModel(model, file);
    expect(await agreement(bytes, file, {}, 1)).toBe("equal");
    const proto = onnx.ModelProto.decode(model.toBytes());
    const weight = proto.graph!.initializer!.find(({ name }) => name === "up")!;
    weight.rawData![3] ^= 1;
    const other = onnx.ModelProto.encode(proto).finish();
    expect(await agreement(bytes, other, {}, 1)).toMatch(/differs$/);
  });

  it.each([
    ["a process that hangs", "for (;;);", 0.4, /^hangs/],
    [
      "one that takes too much memory",
      "const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1));",
      10,
      /^takes \d+ MB/,
    ],
  ])("%s", async (_, code, seconds, wrong) => {
    const script = path.join(scratch, "child.mjs");
    fs.writeFileSync(script, code);
    const child = fork(script, { stdio: "ignore" });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    let why = "";
    const unwatch = watch(child, { seconds, megabytes: 400 }, (reason) => {
      why = reason;
    });
    await exited;
    unwatch();
    expect(why).toMatch(wrong);
  });
});
