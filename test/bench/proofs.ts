import { spawnSync } from "node:child_process";
import path from "node:path";
import type { LargeForm } from "../support/large-graph.ts";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

const RUNS = 3;
const FORM: LargeForm = "blocks";
const NODES = 8000;
const VARIANTS = ["rw+lr", "rw+lr+pa"] as const;

/** Processor seconds of loading and running a model once, by optimization level. */
type Loads = Readonly<Record<"all" | "disabled", number>>;

interface ProofTimes {
  readonly original: Loads;
  readonly laurelized: Loads;
  readonly proof: number;
}

/**
 * Processor seconds of a full proof beside those of loading and running each of the two models once.
 * Half of the proof is onnxruntime's loading of the laurelized model, once at either level.
 */
export function proofs(): void {
  line(
    "\nfull proof, processor seconds",
    "original",
    "laurelized",
    "proof",
    "x original",
    "x both",
  );
  for (const variant of VARIANTS) {
    const runs = times(RUNS, () => measured(variant));
    const of = (read: (run: ProofTimes) => number) => median(runs.map(read));
    const ratio = of(({ original, proof }) => proof / original.all);
    const figures = [
      of(({ original }) => original.all),
      of(({ laurelized }) => laurelized.all),
      of(({ proof }) => proof),
      ratio,
      of(({ original, laurelized, proof }) => proof / (original.all + laurelized.all)),
    ];
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
