import type { Argv, CommandModule } from "yargs";
import type { ApplyArguments } from "../run-apply.ts";
import type { Start } from "../supervise.ts";
import {
  dataFiles,
  force,
  json,
  output,
  provider,
  quiet,
  report,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** How an adapter is put into its model. */
export const putting = {
  weights: {
    choices: ["inside", "as-inputs", "as-optional-inputs"],
    default: "inside",
    describe:
      "keep the adapter's weights in the model, or make them its inputs, so that one session serves many adapters; optional inputs keep them as defaults, which an onnx_adapter overrides",
  },
} as const;

/** `laurelize apply`: an adapter put into its model. */
export const apply = (start: Start): CommandModule<object, ApplyArguments> => ({
  command: "apply <model> <adapter>",
  describe: "put an adapter into the model that it is for, plain or laurelized",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "the original .onnx file, or the laurelized one",
      })
      .positional("adapter", {
        type: "string",
        demandOption: true,
        describe:
          "a .safetensors file of extract's or finetune's, or an .onnx_adapter for the laurelized model",
      })
      .options(
        withValues({
          ...output("model.tuned.onnx beside the input"),
          ...putting,
          fold: {
            type: "boolean",
            default: false,
            describe: "fold the tuned model for deployment, as the command fold does, and prove it",
          },
          ...dataFiles("the adapter's weights in a file of their own where the model does"),
          ...force,
          ...report,
          ...json,
          ...quiet,
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example(
        "$0 apply model.onnx adapter.safetensors -o tuned.onnx",
        "the tuned model from the plain one",
      ) as unknown as Argv<ApplyArguments>,
  handler: (args) => start("apply", args),
});
