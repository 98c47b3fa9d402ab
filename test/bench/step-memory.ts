import fs from "node:fs";
import v8 from "node:v8";
import vm from "node:vm";
import type { Ort, Tensors } from "../../src/ort/session.ts";

/** Megabytes that a process holds. */
export interface StepMemory {
  /** When it has the laurelized model, and has not begun to train. */
  readonly before: number;
  /** At the peak of making the step and its session. */
  readonly loading: number;
  /** With the session of the step, which has not run: weights, and copies that onnxruntime packs. */
  readonly loaded: number;
  /** At the peak of the steps. */
  readonly steps: number;
}

v8.setFlagsFromString("--expose_gc");
const collect = vm.runInNewContext("gc") as () => void;

/** Frees what nothing refers to; buffers are freed a moment later. */
async function collected(): Promise<void> {
  for (let k = 0; k < 4; k++) {
    collect();
    await new Promise((done) => setTimeout(done, 20));
  }
}

const held = () => process.memoryUsage().rss / 2 ** 20;

/** Starts to measure the peak again, as Linux alone can. */
const again = () => fs.writeFileSync("/proc/self/clear_refs", "5");

function peak(): number {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return Number(status.match(/VmHWM:\s+(\d+)/)![1]) / 1024;
}

/** Measures some steps of training, which `train` takes with the onnxruntime that it is given. */
export async function stepMemory(
  ort: Ort,
  train: (ort: Ort) => AsyncGenerator<unknown>,
): Promise<StepMemory> {
  await collected();
  const before = held();
  again();
  let loading = 0;
  let loaded = 0;
  const create: Ort["InferenceSession"]["create"] = async (...given: [never]) => {
    const session = await ort.InferenceSession.create(...given);
    const run = session.run.bind(session);
    let ran = false;
    session.run = (async (feeds: Tensors) => {
      // Sessions that compute constants and sizes run before that of the step.
      if (!ran) {
        ran = true;
        loading = Math.max(loading, peak());
        await collected();
        loaded = held();
        again();
      }
      return run(feeds as never);
    }) as typeof session.run;
    return session;
  };
  const steps = train({ ...ort, InferenceSession: { create } });
  for (let k = 0; k < 3; k++) await steps.next();
  return { before, loading, loaded, steps: peak() };
}
