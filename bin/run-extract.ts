import path from "node:path";
import { type Adapter, adapterBytes, extractAdapter, openModel, peftConfig } from "../src/index.ts";
import { saveFiles } from "../src/internal.ts";
import type { ExtractArguments } from "./commands/extract.ts";
import { printJson } from "./json.ts";
import { checkFree, realFolder } from "./output.ts";
import { bytes, counted } from "./text.ts";

/** Where PEFT looks for what an adapter is. */
const CONFIG = "adapter_config.json";

/** Takes the LAuReL weights out of a model and writes them as an adapter. */
export async function runExtract(args: ExtractArguments): Promise<void> {
  const { dir, name, ext } = path.parse(args.model);
  const stem = ext === ".onnx" ? name : name + ext;
  const file = args.output ?? path.join(dir, `${stem}.${args.format}`);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const adapter = await extractAdapter(model, { train: args.train });
  realFolder(file);
  const data = model.dataFiles.map((each) => path.join(path.dirname(args.model), each));
  const content = adapterBytes(adapter, { format: args.format });
  const beside = args.peft && args.format === "safetensors" ? configOf(args, adapter) : new Map();
  const files = [file, ...[...beside.keys()].map((each) => path.join(path.dirname(file), each))];
  for (const each of files) checkFree(each, [args.model, ...data], args.force);
  saveFiles(content, file, beside);
  report(args, adapter, files, content.length);
}

const configOf = ({ baseModel }: ExtractArguments, adapter: Adapter) =>
  new Map([
    [
      CONFIG,
      new TextEncoder().encode(`${JSON.stringify(peftConfig(adapter, baseModel), null, 2)}\n`),
    ],
  ]);

function report(
  args: ExtractArguments,
  { tensors }: Adapter,
  [output, ...beside]: readonly string[],
  size: number,
): void {
  const weights = tensors.reduce((sum, { dims }) => sum + dims.reduce((n, dim) => n * dim, 1), 0);
  const written = { input: args.model, output, bytes: size, weights, tensors: tensors.length };
  if (args.json) printJson(args.peft ? { ...written, beside } : written);
  else if (!args.quiet)
    process.stdout.write(
      `wrote ${[output, ...beside].join(", ")}   ${bytes(size)}, ${counted(weights, "weight")} in ${counted(tensors.length, "tensor")}\n`,
    );
}
