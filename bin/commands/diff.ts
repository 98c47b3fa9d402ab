import type { Argv, CommandModule } from "yargs";
import type { DiffArguments } from "../run-diff.ts";
import type { Start } from "../supervise.ts";
import {
  dim,
  force,
  inputs,
  json,
  provider,
  quiet,
  report,
  seed,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** `laurelize diff`: what changed between two models. */
export const diff = (start: Start): CommandModule<object, DiffArguments> => ({
  command: "diff <a> <b>",
  describe: "show what changed between two models: operators, nodes, weights, sites and outputs",
  builder: (yargs) =>
    yargs
      .positional("a", { type: "string", demandOption: true, describe: "the .onnx file before" })
      .positional("b", { type: "string", demandOption: true, describe: "the .onnx file after" })
      .options(
        withValues({
          output: {
            alias: "o",
            type: "string",
            describe:
              "also draw each change before and after: out.svg, or out.html with all nodes and weights",
          },
          "node-data": {
            type: "string",
            describe: "also write the figures of each node as Model Explorer's node data, out.json",
          },
          prove: {
            choices: ["full", "none"],
            default: "full",
            coerce: (given: string | boolean) => (given === false ? "none" : given),
            describe: "compare the outputs in onnxruntime too; --no-prove runs nothing",
          },
          ...dim(),
          ...inputs("for both"),
          ...seed,
          all: { type: "boolean", default: false, describe: "print every change" },
          ...report,
          ...force,
          ...json,
          ...quiet,
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example("$0 diff model.onnx model.laurel.onnx", "what laurelize inserted")
      .example("$0 diff model.onnx model.laurel.onnx -o diff.html", "the same, drawn")
      .epilogue(
        "Exit codes: 0 shown, whether the two differ or not (compare judges), 2 unreadable.",
      ) as unknown as Argv<DiffArguments>,
  handler: (args) => start("diff", args),
});
