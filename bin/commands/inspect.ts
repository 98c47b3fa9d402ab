import type { Argv, CommandModule } from "yargs";
import { choosing } from "../../passes/laurelize/insert-options.ts";
import type { InspectArguments } from "../run-inspect.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start } from "../supervise.ts";
import {
  finding,
  json,
  models,
  provider,
  quiet,
  report,
  reportForce,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

/** A report is also called what it is here. */
const html = { report: { ...report.report, alias: "html" } } as const;

/** `laurelize inspect`: what the tool would find, and why not more. */
export const inspect = (start: Start): CommandModule<object, Several<InspectArguments>> => ({
  command: "inspect <model..>",
  describe: "list a model's residual connections, changing nothing",
  builder: (yargs) =>
    yargs
      .positional("model", models)
      .options(
        withValues({
          why: {
            type: "boolean",
            default: false,
            describe: "list every other sum with the reason why it is not a site",
          },
          ...choosing,
          ...finding,
          ...provider,
          ...timeout,
          ...html,
          ...reportForce,
          ...json,
          ...quiet,
          ...trustLinks,
        }),
      )
      .example("$0 inspect model.onnx --why", "see each site, and why every other Add is none")
      .example(
        "$0 inspect model.onnx --include '*layer3*'",
        "see which sites a choice takes",
      ) as unknown as Argv<Several<InspectArguments>>,
  handler: (args) =>
    forEachModel<InspectArguments>("inspect", args, (one) => start("inspect", one)),
});
