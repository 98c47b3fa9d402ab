import type { Argv, CommandModule } from "yargs";
import { choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { LaurelizeArguments } from "../run-laurelize.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start } from "../supervise.ts";
import {
  dataFiles,
  dim,
  finding,
  force,
  inputs,
  json,
  models,
  outDir,
  output,
  provider,
  quiet,
  report,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";
import { again, proving } from "./proving.ts";

/** `laurelize model.onnx`: find, rewrite, prove, write. */
export const laurelize = (start: Start): CommandModule<object, Several<LaurelizeArguments>> => ({
  command: "$0 <model..>",
  describe: "insert LAuReL at every residual connection, prove it and write it",
  builder: (yargs) =>
    yargs
      .positional("model", models)
      .options(
        withValues({
          ...output("model.laurel.onnx beside the input"),
          ...outDir,
          ...inserting,
          ...choosing,
          ...finding,
          ...dim("in the proof"),
          ...inputs("of the proof"),
          ...proving,
          ...force,
          "dry-run": {
            type: "boolean",
            default: false,
            describe: "say what would be done; prove and write nothing",
          },
          report: {
            ...report.report,
            idle: ({ dryRun }) => (dryRun ? "nothing is written in a dry run" : null),
          },
          ...json,
          ...quiet,
          ...again,
          hash: {
            type: "boolean",
            describe:
              "record the original's SHA-256 for strip; --no-hash skips it, as --link-weights does",
          },
          "link-weights": {
            type: "boolean",
            default: false,
            describe:
              "copy no old weights: refer to them in the original, beside which the result lies",
          },
          ...dataFiles("the larger new weights in a file of their own"),
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example("$0 model.onnx", "write model.laurel.onnx with rw+lr at every site")
      .example("$0 model.onnx --variant rw -o tuned.onnx", "two learned weights a site")
      .example("$0 model.onnx --include '*layer3*' --rank 32", "some sites only")
      .example(
        "$0 model.onnx --dim batch=4 --inputs data.npz",
        "prove it on your own data",
      ) as unknown as Argv<Several<LaurelizeArguments>>,
  handler: (args) =>
    forEachModel<LaurelizeArguments>("laurelize", args, (one) => start("laurelize", one)),
});
