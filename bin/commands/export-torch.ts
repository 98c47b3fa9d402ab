import type { Argv, CommandModule } from "yargs";
import type { ExportTorchArguments } from "../run-export-torch.ts";
import { force, json, output, quiet, trustLinks, withValues } from "./options.ts";

/** `laurelize export-torch`: LAuReL's weights for a module of PyTorch's. */
export const exportTorch: CommandModule<object, ExportTorchArguments> = {
  command: "export-torch <model>",
  describe: "write α, β, γ, A and B for PyTorch, in the paper's layout under module paths",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file, trained or not",
      })
      .options(
        withValues({
          ...output("model.pt.safetensors beside the input"),
          ...force,
          ...json,
          ...quiet,
          ...trustLinks,
        }),
      )
      .example(
        "$0 export-torch tuned.onnx -o laurel.pt.safetensors",
        "layer1.0.laurel.alpha and others",
      ) as unknown as Argv<ExportTorchArguments>,
  handler: async (args) => {
    const { runExportTorch } = await import("../run-export-torch.ts");
    await runExportTorch(args);
  },
};
