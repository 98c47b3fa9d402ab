import { openModel } from "laurelize";
import { apiRun, type RunOptions } from "./api-run.ts";

/** What this process prints for each model, a line each. */
const [runtime, options, ...files] = process.argv.slice(2);

/** The runtime this process is about. The other one is never loaded here. */
async function loaded() {
  if (runtime === "node") return (await import("onnxruntime-node")).default;
  const web =
    runtime === "wasm" ? await import("onnxruntime-web/wasm") : await import("onnxruntime-web");
  web.env.wasm.numThreads = 1;
  return web;
}

const ort = await loaded();
for (const file of files) {
  let line: object;
  try {
    const model = await openModel(file);
    line = { file, outcome: await apiRun(model, ort, JSON.parse(options) as RunOptions) };
  } catch (error) {
    line = { file, error: String((error as Error).stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
