import { spawnSync } from "node:child_process";
import path from "node:path";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

/** What is proved, by what script of how much: nodes of a form, or runs of a model. */
const SUBJECTS = [
  { name: "blocks", count: 8000, runs: 3, variants: ["rw+lr", "rw+lr+pa"] },
  { name: "MobileNetV2", count: 9, runs: 1, variants: ["rw+lr"] },
  { name: "ViT-tiny", count: 5, runs: 1, variants: ["rw+lr"] },
  { name: "ResNet-50", count: 3, runs: 1, variants: ["rw+lr"] },
];

interface ProofTimes {
  readonly original: number;
  readonly proof: number;
}

/**
 * Processor seconds of a full proof beside those of loading and running the original once, both
 * without the start of a process. Most of it is onnxruntime's: the original is loaded twice, once
 * of them optimized, so is the result, and once more with its new weights as inputs.
 */
export function proofs(): void {
  line("\nfull proof, processor seconds", "original", "proof", "ratio");
  for (const { name, count, runs, variants } of SUBJECTS)
    for (const variant of variants) {
      const all = times(runs, () => measured(name, String(count), variant));
      const of = (read: (run: ProofTimes) => number) => median(all.map(read));
      const ratio = of(({ original, proof }) => proof / original);
      const figures = [of(({ original }) => original), of(({ proof }) => proof), ratio];
      line(`${variant}, ${name}`, ...figures.map((figure) => figure.toFixed(2)));
      goal(`full proof of ${name}, ${variant}`, ratio, 20, " x load + run of the original");
    }
}

/** The figures of one process. */
function measured(...given: readonly string[]): ProofTimes {
  const script = path.resolve("dist/bench/proof.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...given], { encoding: "utf8" });
  if (!stdout) throw new Error(`the proof fails: ${stderr.slice(0, 300)}`);
  const figures = JSON.parse(stdout);
  if (!figures.passed) throw new Error("the proof does not pass");
  return figures;
}
