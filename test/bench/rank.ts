import { openStep } from "laurelize";
import ort from "onnxruntime-node";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { uniform } from "../../src/graph/random.ts";

turnOffTelemetry();

// node dist/bench/rank.mjs <step>: seconds of one step on one thread, gradients and update, the
// least of several, as JSON. Seconds of the processor, so that other programs do not count.

const [RUNS, SECONDS] = [5, 20];
const step = await openStep(process.argv[2], { ort, threads: 1 });
const { inputs, target } = step.manifest;
const next = uniform(1, "rank");
const batch = Object.fromEntries(
  [...inputs.map((each) => ({ ...each, array: each.name })), target].map(
    ({ array, dtype, shape }) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values =
        dtype === "int64"
          ? BigInt64Array.from({ length: count }, () => BigInt(Math.floor(1000 * next())))
          : Float32Array.from({ length: count }, () => 2 * next() - 1);
      return [array, new ort.Tensor(dtype as "float32", values as Float32Array, [...shape])];
    },
  ),
);
let least = Number.POSITIVE_INFINITY;
const end = performance.now() + 1000 * SECONDS;
for (let k = 0; k < RUNS || performance.now() < end; k++) {
  const start = process.cpuUsage();
  await step.update(await step.gradients(batch), 1e-4, k + 1);
  const { user, system } = process.cpuUsage(start);
  least = Math.min(least, (user + system) / 1e6);
}
await step.close();
console.log(JSON.stringify({ seconds: least }));
