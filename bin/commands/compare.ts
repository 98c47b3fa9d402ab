import { tolerances } from "../../src/compare/tolerances.ts";
import { type ArgumentsFor, command, flag } from "./command.ts";
import { reporting, runInputs } from "./options.ts";

/** `laurelize compare`: whether two models are the same, and where they differ. */
export const compare = command({
  command: "compare <a> <b>",
  describe: "compare any two models and name the first value that differs",
  positionals: { a: "the first .onnx file", b: "the second .onnx file" },
  options: {
    ...runInputs("both models"),
    ...tolerances,
    all: flag("print every difference; otherwise the first 12"),
    ...reporting,
  },
  examples: [
    ["$0 compare model.onnx model.laurel.onnx", "check that inserting LAuReL changed nothing"],
  ],
  exitCodes: { 0: "same function and nothing changed or lost", 1: "they differ" },
});

/** Arguments of `laurelize compare`. */
export type CompareArguments = ArgumentsFor<typeof compare>;
