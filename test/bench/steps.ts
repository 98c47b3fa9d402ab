import { spawnSync } from "node:child_process";
import path from "node:path";
import { goal, line } from "./print.ts";

const MODELS = ["classifier", "ResNet-50", "MobileNetV2", "ViT-tiny"];
/** PyTorch's eager step, forward included, takes 2.2 to 2.9 times its own forward pass. */
const LIMIT = 3;

interface Figures {
  readonly forward: number;
  readonly step: number;
  readonly ratio: number;
  readonly peak: readonly [number, number];
}

/**
 * A training step beside the forward pass of the same laurelized model (`rw+lr`, rank 16) in the
 * same process, two threads: the classifier at batch 32, the others at batch 8. Milliseconds, and
 * the peak memory of the process before and after the first step.
 */
export function steps(): void {
  line("\ntraining step", "forward ms", "step ms", "x forward", "forward MB", "step MB");
  const all = MODELS.map((name) => {
    const figures = measured(name);
    const { forward, step, ratio, peak } = figures;
    const cells = [forward.toFixed(1), step.toFixed(1), ratio.toFixed(2)];
    line(name, ...cells, ...peak.map((megabytes) => megabytes.toFixed(0)));
    return { name, ratio };
  });
  for (const { name, ratio } of all) goal(`${name}: a step beside its forward`, ratio, LIMIT, " x");
}

/** What a model comes to in a process of its own. */
function measured(name: string): Figures {
  const script = path.resolve("dist/bench/step.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, name], { encoding: "utf8" });
  if (!stdout) throw new Error(`${name} fails: ${stderr.slice(0, 300)}`);
  return JSON.parse(stdout) as Figures;
}
