import type { Argv, CommandModule } from "yargs";
import type { CompareArguments } from "../run-compare.ts";
import type { Start } from "../supervise.ts";
import {
  dim,
  inputs,
  json,
  provider,
  quiet,
  report,
  reportForce,
  seed,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** `laurelize compare`: whether two models are the same, and where they part. */
export const compare = (start: Start): CommandModule<object, CompareArguments> => ({
  command: "compare <a> <b>",
  describe: "compare any two models and name the first value that differs",
  builder: (yargs) =>
    yargs
      .positional("a", { type: "string", demandOption: true, describe: "the first .onnx file" })
      .positional("b", { type: "string", demandOption: true, describe: "the second .onnx file" })
      .options(
        withValues({
          ...dim(),
          ...inputs("for both"),
          ...seed,
          atol: {
            type: "number",
            describe:
              "outputs pass within atol + rtol·|a| of the first model's, element by element  [default: bit-equal, and the model's own noise when optimised]",
          },
          rtol: { type: "number", describe: "the relative part of it" },
          all: { type: "boolean", default: false, describe: "print every difference" },
          ...report,
          ...reportForce,
          ...json,
          ...quiet,
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example("$0 compare model.onnx model.laurel.onnx", "what was inserted must change nothing")
      .epilogue(
        "Exit codes: 0 the same function and nothing changed or lost, 1 they differ, 2 unreadable.",
      ) as unknown as Argv<CompareArguments>,
  handler: (args) => start("compare", args),
});
