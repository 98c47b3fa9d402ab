import { spawnSync } from "node:child_process";
import path from "node:path";
import type { LargeForm } from "../support/large-graph.ts";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

const RUNS = 3;
const FORM: LargeForm = "blocks";
const NODES = 8000;

/** Processor seconds of a full proof beside those of loading and running the original once. */
export function proofs(): void {
  line("\nfull proof, processor seconds", "load + run", "unoptimised", "proof", "x");
  const runs = times(RUNS, measured);
  const of = (key: "all" | "disabled" | "proof") => median(runs.map((run) => run[key]));
  const ratio = median(runs.map(({ proof, all }) => proof / all));
  const figures = [of("all"), of("disabled"), of("proof"), ratio];
  line(`${NODES} nodes, ${FORM}`, ...figures.map((figure) => figure.toFixed(2)));
  goal(`full proof of ${NODES} nodes`, ratio, 20, " x load + run");
}

/** The figures of one process. */
function measured(): Record<"all" | "disabled" | "proof", number> {
  const script = path.resolve("dist/bench/proof.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script, FORM, String(NODES)], {
    encoding: "utf8",
  });
  if (!stdout) throw new Error(`the proof fails: ${stderr.slice(0, 300)}`);
  const figures = JSON.parse(stdout);
  if (!figures.passed) throw new Error("the proof does not pass");
  return figures;
}
