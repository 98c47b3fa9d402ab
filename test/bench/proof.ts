import { laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { type LargeForm, largeGraph } from "../support/large-graph.ts";

turnOffTelemetry();

// node dist/bench/proof.mjs <form> <nodes> [<variant>]: processor seconds of a full proof, and of
// loading and running once at each optimization level: the original, and the result. As JSON.

const [form, count, variant = "rw+lr"] = process.argv.slice(2);
const { bytes, nodes } = largeGraph(form as LargeForm, Number(count));

/** Processor seconds that some work takes, those of onnxruntime's threads included. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const used = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1e6;
}

const loadAndRun = (model: Uint8Array, graphOptimizationLevel: "all" | "disabled") =>
  timed(async () => {
    const session = await ort.InferenceSession.create(model, { graphOptimizationLevel });
    await session.run({ x: new ort.Tensor(new Float32Array(4), [1, 4]) });
    await session.release();
  });

const result = await laurelize(await openModel(bytes), { ort, variant: variant as "rw+lr" });
const both = async (model: Uint8Array) => ({
  all: await loadAndRun(model, "all"),
  disabled: await loadAndRun(model, "disabled"),
});
const [original, laurelized] = [await both(bytes), await both(result.model.toBytes())];
let passed = false;
const proof = await timed(async () => {
  ({ passed } = await prove(result, { ort }));
});
const sites = result.plan.sites.length;
console.log(JSON.stringify({ nodes, sites, passed, original, laurelized, proof }));
