import type { Argv, CommandModule } from "yargs";
import { choosing } from "../../passes/laurelize/insert-options.ts";
import type { LadderArguments } from "../run-ladder.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start } from "../supervise.ts";
import {
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
  seed,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** Options that only matter to the runs of --activations. */
const running = Object.fromEntries(
  Object.entries({ ...dim("for --activations"), ...inputs("for --activations"), ...seed }).map(
    ([name, option]) => [
      name,
      {
        ...option,
        idle: (others: Readonly<Record<string, unknown>>) =>
          others.activations ? null : "nothing is run without --activations",
      },
    ],
  ),
);

/** `laurelize ladder`: a drawing of a model's residual connections. */
export const ladder = (start: Start): CommandModule<object, Several<LadderArguments>> => ({
  command: "ladder <model..>",
  describe: "draw a model's residual connections as an SVG file",
  builder: (yargs) =>
    yargs
      .positional("model", models)
      .options(
        withValues({
          ...output("model.ladder.svg beside the input"),
          ...outDir,
          activations: {
            type: "boolean",
            default: false,
            describe: "run the model once and draw ‖f‖ against ‖x‖ at each site",
          },
          theme: {
            type: "string",
            choices: ["auto", "light", "dark"],
            default: "auto",
            describe: "colours of the drawing; auto follows the reader's system",
          },
          ...running,
          ...choosing,
          ...finding,
          ...force,
          ...json,
          ...quiet,
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example("$0 ladder model.onnx -o ladder.svg", "see where the residual connections are")
      .example(
        "$0 ladder model.tuned.onnx --activations",
        "see what training did to them",
      ) as unknown as Argv<Several<LadderArguments>>,
  handler: (args) => forEachModel<LadderArguments>("ladder", args, (one) => start("ladder", one)),
});
