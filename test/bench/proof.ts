import { laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { type LargeForm, largeGraph } from "../support/large-graph.ts";

turnOffTelemetry();

// node dist/bench/proof.mjs <form> <nodes> [<variant>]: processor seconds of loading and running the
// original once, fully optimized, and of a full proof; and the peak of memory in GB. As JSON.

const [form, count, variant = "rw+lr"] = process.argv.slice(2);
const { bytes, nodes } = largeGraph(form as LargeForm, Number(count));

/** Processor seconds that some work takes, those of onnxruntime's threads included. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const used = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1e6;
}

const result = await laurelize(await openModel(bytes), { ort, variant: variant as "rw+lr" });
const original = await timed(async () => {
  const session = await ort.InferenceSession.create(bytes);
  await session.run({ x: new ort.Tensor(new Float32Array(4), [1, 4]) });
  await session.release();
});
let passed = false;
const proof = await timed(async () => {
  ({ passed } = await prove(result, { ort }));
});
const sites = result.plan.sites.length;
const memory = process.resourceUsage().maxRSS / 2 ** 20;
console.log(JSON.stringify({ nodes, sites, passed, original, proof, memory }));
