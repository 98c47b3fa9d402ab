import { spawnSync } from "node:child_process";
import path from "node:path";
import { goal, line } from "./print.ts";
import type { StepMemory } from "./step-memory.ts";

const MODELS = ["classifier", "ResNet-50", "MobileNetV2", "ViT-tiny", "GPT-2, 6 layers"];
/** The goal; frozen weights need two forward passes, and PyTorch's eager step takes 2.2 to 2.9 of its own. */
const LIMIT = 2.3;
/** What steps add at their peak to the memory of the loaded session, over what must be kept. */
const MEMORY_LIMIT = 1.5;

interface Figures extends StepMemory {
  readonly forward: number;
  readonly step: number;
  readonly ratio: number;
  /** What the backward pass reads of the forward pass. */
  readonly kept: number;
}

/**
 * A training step beside the forward pass of the same laurelized model (`rw+lr`, rank 16) in the
 * same process, two threads, in blocks of each: the classifier at batch 32, images at batch 8, GPT-2
 * with 2 rows of 128 words. A process of its own then trains alone: at most it holds `total`,
 * `loading` while it makes the step and its session, `loaded` before the first step (the weights,
 * with those of input gradients, packed), and `steps` more while it trains. Of that, the activations
 * that the backward pass reads, `kept`, must be there.
 */
export function steps(): void {
  const times = ["forward ms", "step ms", "x forward"];
  line("\ntraining step", ...times, "total MB", "loading", "loaded", "steps", "kept", "x kept");
  const all = MODELS.map((name) => {
    const { forward, step, ratio } = measured<Figures>(name);
    const { before, loading, loaded, steps: peak, kept } = measured<Figures>(name, "memory");
    const cells = [forward.toFixed(1), step.toFixed(1), ratio.toFixed(2)];
    const [added, total] = [peak - loaded, Math.max(loading, peak)];
    const megabytes = [total, loading - before, loaded - before, added, kept];
    const memory = added / kept;
    line(name, ...cells, ...megabytes.map((figure) => figure.toFixed(0)), memory.toFixed(2));
    return { name, ratio, memory };
  });
  for (const { name, ratio } of all) goal(`${name}: a step beside its forward`, ratio, LIMIT, " x");
  for (const { name, memory } of all)
    goal(`${name}: memory beside what is kept`, memory, MEMORY_LIMIT, " x");
}

/** What a model comes to in a process of its own. */
function measured<T>(...args: readonly string[]): T {
  const script = path.resolve("dist/bench/step.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
  if (!stdout) throw new Error(`${args[0]} fails: ${stderr.slice(0, 300)}`);
  return JSON.parse(stdout) as T;
}
