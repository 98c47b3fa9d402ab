import { spawnSync } from "node:child_process";
import path from "node:path";
import type { LargeForm } from "../support/large-graph.ts";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

const RUNS = 3;
const FORMS: readonly LargeForm[] = ["blocks", "wideSum"];
const [ONCE, TWICE] = [100_000, 200_000];

/** Seconds of each phase on a graph of many nodes, and on one of twice as many. */
export function manyNodes(): void {
  for (const form of FORMS) {
    const runs = times(RUNS, () => [measured(form, ONCE), measured(form, TWICE)]);
    const of = (k: number, phase: string) => median(runs.map((pair) => pair[k][phase]));
    line(`\n${form}, seconds`, `${ONCE}`, `${TWICE}`, "ratio");
    for (const phase of Object.keys(runs[0][0])) {
      const [once, twice] = [of(0, phase), of(1, phase)];
      line(phase, once.toFixed(2), twice.toFixed(2), (twice / once).toFixed(2));
    }
    goal(`${ONCE} nodes in the form ${form}`, of(0, "all"), 5, " s");
    goal("twice the nodes", median(runs.map(([once, twice]) => twice.all / once.all)), 2.2, " x");
  }
}

/** Seconds of each phase in a process of its own, and of all. */
function measured(form: LargeForm, count: number): Record<string, number> {
  const script = path.resolve("dist/bench/nodes.mjs");
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--expose-gc", script, form, String(count)],
    { encoding: "utf8" },
  );
  if (!stdout) throw new Error(`${form} of ${count} nodes fails: ${stderr.slice(0, 300)}`);
  const { seconds } = JSON.parse(stdout) as { seconds: Record<string, number> };
  return { ...seconds, all: Object.values(seconds).reduce((a, b) => a + b, 0) };
}
