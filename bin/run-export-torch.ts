import { bytes, counted, saveBytes } from "../passes/internal.ts";
import { openModel, torchBytes, torchTensors } from "../src/index.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { exportTorch } from "./commands/export-torch.ts";
import { defaultOutput } from "./default-output.ts";
import { printResult } from "./json.ts";
import { checkEnding, checkFree, filesOfModel, WEIGHTS } from "./output.ts";

/** Writes the LAuReL weights of a model for PyTorch. */
export async function runExportTorch(args: ArgumentsFor<typeof exportTorch>): Promise<void> {
  const output = args.output ?? defaultOutput("export-torch", args.model);
  checkEnding(output, WEIGHTS);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const content = torchBytes(model);
  checkFree(output, filesOfModel(args.model, model), args.force);
  saveBytes(content, output);
  const tensors = torchTensors(model);
  const listed = tensors.map(({ name, site, dtype, dims }) => ({ name, site, dtype, dims }));
  printResult(args, { input: args.model, output, bytes: content.length, tensors: listed }, [
    `wrote ${output}   ${bytes(content.length)}, ${counted(tensors.length, "tensor")}, ${tensors[0].name} the first`,
  ]);
}
