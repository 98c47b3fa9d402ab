import type { Argv, CommandModule } from "yargs";
import type { FoldArguments } from "../run-fold.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start } from "../supervise.ts";
import {
  dataFiles,
  dim,
  force,
  inputs,
  json,
  outDir,
  output,
  provider,
  quiet,
  report,
  seed,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** `laurelize fold`: a laurelized model for deployment. */
export const fold = (start: Start): CommandModule<object, Several<FoldArguments>> => ({
  command: "fold <model..>",
  describe: "take out of a laurelized model what inference need not pay for, and prove the result",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file, trained or not, or several",
      })
      .options(
        withValues({
          ...output("model.folded.onnx beside the input"),
          ...outDir,
          ...dim("in the proof"),
          ...inputs("for the proof"),
          ...seed,
          ...dataFiles("changed weights in a file of their own"),
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
        "$0 fold model.laurel.onnx -o deploy.onnx",
        "a model that costs what the original did",
      ) as unknown as Argv<Several<FoldArguments>>,
  handler: (args) => forEachModel<FoldArguments>("fold", args, (one) => start("fold", one)),
});
