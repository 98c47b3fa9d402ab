import fs from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, LITTLE } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { launched, pythonWith, pythonWithMpi, trained } from "./support/ranks.ts";
import { isNightly } from "./support/sweep.ts";

/** A block behind a mean over time: the examples are the second axis of x, and scale has none. */
const SEQUENCE = LITTLE.replace("float[N, 8] x", "float[5, N, 8] x, float[1] scale")
  .replace(
    "wide = MatMul(x, up)",
    "m = ReduceMean<axes = [0], keepdims = 0>(x) s = Mul(m, scale) wide = MatMul(s, up)",
  )
  .replace("Add(x, f)", "Add(s, f)");

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const read = (name: string) => fs.readFileSync(at(name));

/** Writes shards of so many rows into a folder. */
function shards(name: string, ...rows: readonly number[]): void {
  fs.mkdirSync(at(name), { recursive: true });
  for (const [k, count] of rows.entries())
    fs.writeFileSync(at(`${name}/${k}.npz`), npzOf(examples(count, `${name} ${k}`)));
}

beforeAll(() => {
  fs.writeFileSync(at("net.onnx"), modelOfText(LITTLE));
  shards("even", 48, 48);
  shards("uneven", 40, 17, 9);
  shards("own/0", 32);
  shards("own/1", 20);
  shards("own/2");
  const { code, stderr } = cli([
    ...["export-step", at("net.onnx"), "-o", at("step"), "--loss", "cross-entropy"],
    ...["--target", "labels", "--feature-axis", "1", "--rank", "4", "--batch-size", "16"],
    ...["--lr", "1e-2", "--epochs", "3", "--schedule", "cosine", "--warmup", "2"],
  ]);
  expect(code, stderr).toBe(0);
});

const args = (data: string, out: string, ...more: readonly string[]) => [
  ...["--step", at("step"), "--data", at(data), "--out", at(`${out}.safetensors`), ...more],
];
/** Runs train.py and expects it to end well. */
async function well(command: readonly string[], given: readonly string[]) {
  const ran = await trained(command, given);
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  return ran;
}

interface Log {
  readonly stopped: string;
  readonly before: { readonly loss: number } | null;
  readonly best: { readonly epoch: number; readonly loss: number };
  readonly steps: readonly {
    readonly step: number;
    readonly loss: number;
    readonly examples: number;
  }[];
}
const logOf = (out: string): Log => JSON.parse(fs.readFileSync(at(`${out}.json`), "utf8"));

/** Values of a .safetensors file of float32 tensors, one after the other. */
function values(out: string): Float32Array {
  const bytes = read(`${out}.safetensors`);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  return new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
}

const mpi = pythonWithMpi();

describe.skipIf(!mpi)("train.py under mpirun", () => {
  const alone = launched.alone(mpi!);
  const ranks = (count: number) => [...launched.mpi(mpi!, count)];

  it("gives on 2 ranks × 16 rows the bytes of one process that adds up two halves, and an adapter", async () => {
    await well(alone, args("even", "one", "--accumulate", "2", "--eval", at("uneven")));
    await well(ranks(2), args("even", "two", "--eval", at("uneven")));
    expect(read("two.safetensors")).toEqual(read("one.safetensors"));
    const log = logOf("two");
    expect(log.steps.map(({ step, examples }) => [step, examples])).toEqual(
      Array.from({ length: 9 }, (_, k) => [k + 1, 32]),
    );
    expect([log.stopped, log.best.loss < log.before!.loss]).toEqual(["completed", true]);
    expect(log.steps).toEqual(logOf("one").steps);
    const applied = cli(["apply", at("net.onnx"), at("two.safetensors"), "-o", at("tuned.onnx")]);
    expect(applied.code, applied.stderr).toBe(0);
  });

  it("gives with Node's onnxruntime the bytes of one Node process", async () => {
    await well(alone, args("even", "node1", "--accumulate", "2", "--runtime", "node"));
    await well(ranks(2), args("even", "node2", "--runtime", "node"));
    expect(read("node2.safetensors")).toEqual(read("node1.safetensors"));
  });

  it("trains on 3 ranks with uneven shards, and on one without data, what one process does", async () => {
    for (const data of ["uneven", "own/{rank}"]) {
      const three = ranks(3);
      const one = data === "uneven" ? [data] : ["own/0", "own/1"];
      const name = data.slice(0, 3);
      await well(three, args(data, `${name}3`));
      const together = ["--accumulate", data === "uneven" ? "3" : "2"];
      await well(alone, args(one[0], `${name}1`, ...together, "--data", ...one.map(at)));
      const [a, b] = [values(`${name}3`), values(`${name}1`)];
      expect(Math.max(...a.map((value, k) => Math.abs(value - b[k])))).toBeLessThan(1e-5);
      const counted = (out: string) => logOf(out).steps.map(({ examples }) => examples);
      expect(counted(`${name}3`)).toEqual(counted(`${name}1`));
    }
    expect(
      logOf("une3")
        .steps.map(({ examples }) => examples)
        .slice(0, 3),
    ).toEqual([41, 17, 8]);
  });

  it("ends all ranks within seconds of one's death, and continues to the same bytes", async () => {
    const long = ["--epochs", "400", "--checkpoint-every", "2", "--max-steps", "600"];
    let killed = 0;
    const ran = await trained(ranks(2), args("even", "cut", ...long), (stderr, pid) => {
      if (killed || !stderr.includes("epoch 2 of")) return;
      killed = Date.now();
      const child = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
      process.kill(Number(child.at(-1)), "SIGKILL");
    });
    expect(Date.now() - killed).toBeLessThan(15_000);
    expect(ran.code).not.toBe(0);
    const said = ran.stderr.split("\n").filter((line) => line.startsWith("train.py:"));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      /another rank has ended .*; the same command goes on after step \d+\.$/,
    );
    expect(fs.existsSync(at("cut.safetensors"))).toBe(false);
    const short = ["--epochs", "6"];
    await well(ranks(2), args("even", "whole", ...short));
    await well(ranks(2), args("even", "parts", ...short, "--max-steps", "4"));
    const { stderr } = await well(ranks(2), args("even", "parts", ...short));
    expect(stderr).toContain("going on after step 4");
    for (const file of ["safetensors", "state.safetensors", "json"])
      expect(read(`parts.${file}`), file).toEqual(read(`whole.${file}`));
  });

  it("takes examples along another axis than the first, and one value for all of them", async () => {
    fs.writeFileSync(at("axis.onnx"), modelOfText(SEQUENCE));
    fs.mkdirSync(at("axis"));
    for (const k of [0, 1]) {
      const { x } = examples(5 * 24, `axis ${k}`);
      const labels = BigInt64Array.from({ length: 24 }, (_, row) => BigInt((row * row) % 3));
      const scale: [Float32Array, number[]] = [Float32Array.of(0.5), [1]];
      const arrays = { x: [x[0], [5, 24, 8]] as const, scale, labels: [labels, [24]] as const };
      fs.writeFileSync(at(`axis/${k}.npz`), npzOf(arrays));
    }
    const { code, stderr } = cli([
      ...["export-step", at("axis.onnx"), "-o", at("axis-step"), "--loss", "cross-entropy"],
      ...["--target", "labels", "--feature-axis", "1", "--batch-size", "8", "--epochs", "2"],
      ...["--data", at("axis")],
    ]);
    expect(code, stderr).toBe(0);
    const given = ["--step", at("axis-step"), "--data", at("axis")];
    await well(alone, [...given, "--accumulate", "2", "--out", at("a1.safetensors")]);
    await well(ranks(2), [...given, "--out", at("a2.safetensors")]);
    expect(read("a2.safetensors")).toEqual(read("a1.safetensors"));
    expect(logOf("a2").steps.map(({ examples }) => examples)).toEqual(new Array(6).fill(16));
  });

  it("refuses in one sentence what does not fit, on every rank", async () => {
    const { x } = examples(16, "bad");
    const labels: [BigInt64Array, number[]] = [new BigInt64Array(16).fill(7n), [16]];
    fs.mkdirSync(at("bad"));
    fs.writeFileSync(at("bad/0.npz"), read("even/0.npz"));
    fs.writeFileSync(at("bad/1.npz"), npzOf({ x, labels }));
    const bad = await trained(ranks(2), args("bad", "bad"));
    expect(bad.code).not.toBe(0);
    expect(bad.stderr).toMatch(
      /train\.py: rank 1: labels of .*1\.npz has the label 7, and the model's classes are 0 to 2\./,
    );
    expect(fs.existsSync(at("bad.safetensors"))).toBe(false);
    await well(alone, args("even", "seeded", "--max-steps", "1"));
    const other = await trained(alone, args("even", "seeded", "--seed", "5"));
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/is the state of a run with another .*; pass --force/);
    fs.cpSync(at("step"), at("changed"), { recursive: true });
    fs.appendFileSync(at("changed/update.onnx"), "\n");
    const changed = ["--step", at("changed"), "--data", at("even"), "--out", at("c.safetensors")];
    expect((await trained(alone, changed)).stderr).toMatch(
      /update\.onnx of .* is not the one of its manifest/,
    );
    fs.writeFileSync(at("mine.safetensors"), "mine");
    expect((await trained(alone, args("even", "mine"))).stderr).toMatch(
      /mine\.safetensors exists; pass --force/,
    );
    expect(read("mine.safetensors").toString()).toBe("mine");
  });
});

const torch = pythonWith("numpy", "onnxruntime", "torch");

describe.skipIf(!torch)("train.py under torchrun", () => {
  it("gives the bytes of one process, and ends if a rank fails", async () => {
    await well(launched.alone(torch!), args("even", "t1", "--accumulate", "2"));
    await well(launched.torch(torch!, 2), args("even", "t2"));
    expect(read("t2.safetensors")).toEqual(read("t1.safetensors"));
    const none = await trained(launched.torch(torch!, 2), args("own/2", "t3"));
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("has no .npz file.")]);
  });
});

const ray = isNightly || process.env.LAURELIZE_RAY ? pythonWith("ray.train", "torch") : null;

describe.skipIf(!ray)("train.py as a TorchTrainer of Ray Train", () => {
  it("gives the bytes of one process", async () => {
    await well(launched.alone(ray!), args("even", "r1", "--accumulate", "2"));
    await well(launched.alone(ray!), args("even", "r2", "--engine", "ray", "--ranks", "2"));
    expect(read("r2.safetensors")).toEqual(read("r1.safetensors"));
  });
});
