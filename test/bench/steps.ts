import { spawnSync } from "node:child_process";
import path from "node:path";
import { goal, line } from "./print.ts";

const MODELS = ["classifier", "ResNet-50", "MobileNetV2", "ViT-tiny", "GPT-2, 6 layers"];
/** The goal; frozen weights need two forward passes, and PyTorch's eager step takes 2.2 to 2.9 of its own. */
const LIMIT = 2.3;
/** The peak memory of steps over that of forward passes, in units of what must be kept. */
const MEMORY_LIMIT = 1.5;

interface Figures {
  readonly forward: number;
  readonly step: number;
  readonly ratio: number;
  readonly peak: readonly [number, number];
  /** What the backward pass reads of the forward pass. */
  readonly kept: number;
}

/**
 * A training step beside the forward pass of the same laurelized model (`rw+lr`, rank 16) in the
 * same process, two threads: the classifier at batch 32, images at batch 8, GPT-2 with 2 rows of 128
 * words. Milliseconds, the peak memory of the process before and after the first step, and the
 * activations that the backward pass reads, which must be kept. What steps add to the peak holds
 * their session too: a second copy of the weights, packed, and those of input gradients.
 */
export function steps(): void {
  const titles = ["forward ms", "step ms", "x forward", "forward MB", "step MB", "kept MB"];
  line("\ntraining step", ...titles, "x kept");
  const all = MODELS.map((name) => {
    const figures = measured(name);
    const { forward, step, ratio, peak, kept } = figures;
    const cells = [forward.toFixed(1), step.toFixed(1), ratio.toFixed(2)];
    const memory = (peak[1] - peak[0]) / kept;
    const megabytes = [...peak, kept].map((figure) => figure.toFixed(0));
    line(name, ...cells, ...megabytes, memory.toFixed(2));
    return { name, ratio, memory };
  });
  for (const { name, ratio } of all) goal(`${name}: a step beside its forward`, ratio, LIMIT, " x");
  for (const { name, memory } of all)
    goal(`${name}: memory beside what is kept`, memory, MEMORY_LIMIT, " x");
}

/** What a model comes to in a process of its own. */
function measured(name: string): Figures {
  const script = path.resolve("dist/bench/step.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, name], { encoding: "utf8" });
  if (!stdout) throw new Error(`${name} fails: ${stderr.slice(0, 300)}`);
  return JSON.parse(stdout) as Figures;
}
