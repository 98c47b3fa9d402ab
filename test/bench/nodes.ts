import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { plan } from "../../passes/laurelize/plan.ts";
import { findSites } from "../../passes/residuals/find.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { applyPatch } from "../../src/graph/patch.ts";
import { inferTypes } from "../../src/infer/infer-types.ts";
import { openBytes } from "../../src/onnx/open-file.ts";
import { type LargeForm, largeForms, largeGraph } from "../support/large-graph.ts";

turnOffTelemetry();

// node dist/bench/nodes.mjs <form> <nodes>: seconds of each phase, as JSON; without arguments, of
// every form at 20,000 nodes.

/** Seconds of each phase on the way from bytes to a laurelized model. */
async function phases(form: LargeForm, count: number) {
  const { bytes } = largeGraph(form, count);
  // What drawing the model leaves behind is not the tool's to clear away.
  globalThis.gc?.();
  const seconds: Record<string, number> = {};
  const timed = async <T>(phase: string, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    seconds[phase] = (performance.now() - start) / 1000;
    return result;
  };
  const file = await timed("open", () => openBytes(bytes));
  const graph = await timed("graph", () => buildGraph(file));
  const { types } = await timed("infer", () => inferTypes(ort, graph));
  const { sites } = await timed("match", () => findSites(graph, types));
  const planned = await timed("plan", () => plan(graph, sites, { rank: 2, variant: "rw+lr" }));
  await timed("patch", async () =>
    applyPatch(graph, planned.patch, async (undo) => ({
      key: "bench",
      value: JSON.stringify(undo),
    })),
  );
  return { sites: sites.length, seconds };
}

const [form, count] = process.argv.slice(2);
for (const each of form ? [form as LargeForm] : largeForms)
  console.log(JSON.stringify({ form: each, ...(await phases(each, Number(count ?? 20_000))) }));
