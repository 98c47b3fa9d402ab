import { spawnSync } from "node:child_process";
import path from "node:path";
import type { LargeForm } from "../support/large-graph.ts";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

const RUNS = 3;
const FORM: LargeForm = "blocks";
const NODES = 8000;
const VARIANTS = ["rw+lr", "rw+lr+pa"] as const;

interface ProofTimes {
  readonly original: number;
  readonly proof: number;
}

/**
 * Processor seconds of a full proof beside those of loading and running the original once. Most of
 * it is onnxruntime's: the original is loaded three times, once of them optimized, the result twice,
 * and the original with a sample of its sites once.
 */
export function proofs(): void {
  line("\nfull proof, processor seconds", "original", "proof", "ratio");
  for (const variant of VARIANTS) {
    const runs = times(RUNS, () => measured(variant));
    const of = (read: (run: ProofTimes) => number) => median(runs.map(read));
    const ratio = of(({ original, proof }) => proof / original);
    const figures = [of(({ original }) => original), of(({ proof }) => proof), ratio];
    const title = `${variant}, ${NODES} nodes of ${FORM}`;
    line(title, ...figures.map((figure) => figure.toFixed(2)));
    goal(`full proof, ${variant}`, ratio, 20, " x load + run of the original");
  }
}

/** The figures of one process. */
function measured(variant: string): ProofTimes {
  const script = path.resolve("dist/bench/proof.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, FORM, String(NODES), variant], {
    encoding: "utf8",
  });
  if (!stdout) throw new Error(`the proof fails: ${stderr.slice(0, 300)}`);
  const figures = JSON.parse(stdout);
  if (!figures.passed) throw new Error("the proof does not pass");
  return figures;
}
