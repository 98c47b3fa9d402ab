import path from "node:path";
import { bytes, counted, saveFiles } from "../passes/internal.ts";
import { type Adapter, adapterBytes, extractAdapter, openModel, peftConfig } from "../src/index.ts";
import { type ExtractArguments, formatOf } from "./commands/extract.ts";
import { defaultOutput } from "./default-output.ts";
import { jsonFile, printResult } from "./json.ts";
import { checkEnding, checkFree, filesOfModel, WEIGHTS } from "./output.ts";

/** Where PEFT looks for what an adapter is. */
const CONFIG = "adapter_config.json";

/** Takes the LAuReL weights out of a model and writes them as an adapter. */
export async function runExtract(args: ExtractArguments): Promise<void> {
  const format = formatOf(args);
  if (!args.format) checkEnding(args.output ?? "", [...WEIGHTS, ".onnx_adapter"]);
  const file = args.output ?? defaultOutput("extract", args.model).replace(/safetensors$/, format);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const adapter = await extractAdapter(model, { train: args.train });
  const content = adapterBytes(adapter, { format });
  const beside = new Map<string, Uint8Array>();
  if (args.peft && format === "safetensors")
    beside.set(CONFIG, jsonFile(peftConfig(adapter, args.baseModel)));
  const files = [file, ...[...beside.keys()].map((name) => path.join(path.dirname(file), name))];
  for (const written of files) checkFree(written, filesOfModel(args.model, model), args.force);
  saveFiles(content, file, beside);
  report(args, adapter, files, content.length);
}

function report(
  args: ExtractArguments,
  { tensors }: Adapter,
  [output, ...beside]: readonly string[],
  size: number,
): void {
  const weights = tensors.reduce((sum, { dims }) => sum + dims.reduce((n, dim) => n * dim, 1), 0);
  const written = { input: args.model, output, bytes: size, weights, tensors: tensors.length };
  printResult(args, args.peft ? { ...written, beside } : written, [
    `wrote ${[output, ...beside].join(", ")}   ${bytes(size)}, ${counted(weights, "weight")} in ${counted(tensors.length, "tensor")}`,
  ]);
}
