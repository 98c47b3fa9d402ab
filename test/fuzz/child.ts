import fs from "node:fs";
import path from "node:path";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { caseOf } from "./case.ts";
import { examine } from "./examine.ts";
import { type Loadable, runAlone } from "./independent.ts";
import { seedlings } from "./models.ts";

turnOffTelemetry();

/** What the process is asked to do with a case. */
export interface Request {
  readonly seed: number;
  readonly folder: string;
  /** Only run the mutated model in onnxruntime, without the tool. */
  readonly alone: boolean;
}

const models = seedlings();

process.on("message", async ({ seed, folder, alone }: Request) => {
  const it = await caseOf(seed, models);
  const phase = (name: string) => fs.writeFileSync(path.join(folder, "phase"), name);
  if (!alone) {
    process.send?.(await examine(it, folder, phase));
    return;
  }
  const file = path.join(folder, "model.onnx");
  const model: Loadable = it.way === "bytes" ? it.bytes : file;
  const start = performance.now();
  const detail = await runAlone(model).then(
    () => `runs in ${((performance.now() - start) / 1000).toFixed(1)} s`,
    (error: Error) => error.message,
  );
  process.send?.({ outcome: "alone", finding: null, detail });
});
