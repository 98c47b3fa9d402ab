import path from "node:path";
import { adapterBytes, extractAdapter, openModel, saveAdapter } from "../src/index.ts";
import { printJson } from "./json.ts";
import { checkFree, realFolder } from "./output.ts";
import { bytes, counted } from "./text.ts";

/** What the command line says. */
export interface ExtractArguments {
  model: string;
  output: string | undefined;
  train: string[] | undefined;
  force: boolean;
  json: boolean;
  quiet: boolean;
  trustLinks: boolean;
}

/** Takes the LAuReL weights out of a model and writes them as an adapter. */
export async function runExtract(args: ExtractArguments): Promise<void> {
  const { dir, name, ext } = path.parse(args.model);
  const stem = ext === ".onnx" ? name : name + ext;
  const file = args.output ?? path.join(dir, `${stem}.safetensors`);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const adapter = await extractAdapter(model, { train: args.train });
  realFolder(file);
  const data = model.dataFiles.map((each) => path.join(path.dirname(args.model), each));
  checkFree(file, [args.model, ...data], args.force);
  await saveAdapter(adapter, file);
  const weights = adapter.tensors.reduce(
    (sum, { dims }) => sum + dims.reduce((n, dim) => n * dim, 1),
    0,
  );
  const size = adapterBytes(adapter).length;
  const tensors = adapter.tensors.length;
  if (args.json) printJson({ input: args.model, output: file, bytes: size, weights, tensors });
  else if (!args.quiet)
    process.stdout.write(
      `wrote ${file}   ${bytes(size)}, ${counted(weights, "weight")} in ${counted(tensors, "tensor")}\n`,
    );
}
