import fs from "node:fs";
import path from "node:path";
import { reason } from "../passes/internal.ts";
import { InputError } from "../src/index.ts";
import { installedRuntime } from "./installed-runtime.ts";

/** Where onnxruntime can run models. */
export type Provider = "cpu" | "cuda" | "webgpu" | "coreml" | "dml";

type Runtime = typeof import("onnxruntime-node");

let chosen: Provider = "cpu";

/** Returns the options of every session. */
export const sessionOptions = () =>
  chosen === "cpu" ? {} : { executionProviders: [chosen, "cpu"] };

/** A model that adds a number to itself (opset 13): if it loads, the provider works. */
const PROBE =
  "CAcSADo1Cg4KAWEKAWESAWIiA0FkZBIBZ1oPCgFhEgoKCAgBEgQKAggBYg8KAWISCgoICAESBAoCCAFCBAoAEA0=";

/** Chooses where models run. Throws an InputError if the installed onnxruntime cannot run them there. */
export async function chooseProvider(wanted: Provider, runtime: Runtime): Promise<void> {
  chosen = "cpu";
  if (wanted === "cpu") return;
  const refuse = (why: string) =>
    new InputError(`--provider ${wanted} cannot be used: ${why}; leave it out to run on the CPU.`);
  const { version, folder } = installedRuntime()!;
  const backends = runtime.listSupportedBackends?.() ?? [];
  const backend = backends.find(({ name }) => name === wanted);
  if (!backend)
    throw refuse(
      `onnxruntime-node ${version} on ${process.platform} has ${backends.map(({ name }) => name).join(", ") || "cpu"}`,
    );
  if (!backend.bundled && !librariesIn(folder).some((name) => name.includes(`providers_${wanted}`)))
    throw refuse(
      `the libraries of ${wanted} are not installed with onnxruntime-node ${version}, whose install script downloads them`,
    );
  try {
    const options = { executionProviders: [wanted], logSeverityLevel: 4 as const };
    await (await runtime.InferenceSession.create(Buffer.from(PROBE, "base64"), options)).release();
  } catch (error) {
    throw refuse(`onnxruntime-node ${version} finds no device for it (${reason(error)})`);
  }
  chosen = wanted;
}

function librariesIn(folder: string): string[] {
  const files = fs.readdirSync(path.join(folder, "bin"), { recursive: true, encoding: "utf8" });
  const system = path.join(process.platform, process.arch);
  return files.filter((file) => path.dirname(file).endsWith(system));
}
