import path from "node:path";
import { openModel, torchBytes, torchTensors } from "../src/index.ts";
import { saveBytes } from "../src/internal.ts";
import type { ExportTorchArguments } from "./commands/export-torch.ts";
import { printJson } from "./json.ts";
import { checkFree, realFolder } from "./output.ts";
import { bytes, counted } from "./text.ts";

/** Writes the LAuReL weights of a model for PyTorch. */
export async function runExportTorch(args: ExportTorchArguments): Promise<void> {
  const { dir, name, ext } = path.parse(args.model);
  const stem = ext === ".onnx" ? name : name + ext;
  const output = args.output ?? path.join(dir, `${stem}.pt.safetensors`);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const content = torchBytes(model);
  realFolder(output);
  const data = model.dataFiles.map((each) => path.join(path.dirname(args.model), each));
  checkFree(output, [args.model, ...data], args.force);
  saveBytes(content, output);
  const tensors = torchTensors(model);
  const listed = tensors.map(({ name, site, dtype, dims }) => ({ name, site, dtype, dims }));
  if (args.json) printJson({ input: args.model, output, bytes: content.length, tensors: listed });
  else if (!args.quiet)
    process.stdout.write(
      `wrote ${output}   ${bytes(content.length)}, ${counted(tensors.length, "tensor")}, ${tensors[0].name} the first\n`,
    );
}
