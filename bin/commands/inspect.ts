import { type ArgumentsFor, command, flag } from "./command.ts";
import { finding, reporting } from "./options.ts";

/** `laurelize inspect`: what the tool would find, and why not more. */
export const inspect = command({
  command: "inspect <model..>",
  describe: "list the residual connections of a model, without changing it",
  positionals: { model: "the .onnx file, or several" },
  options: {
    why: flag("also list every other sum, with the reason why it is not a site"),
    ...finding,
    ...reporting,
    report: { ...reporting.report, alias: "html" },
  },
  examples: [
    ["$0 inspect model.onnx --why", "see each site, and why the other sums are not sites"],
    ["$0 inspect model.onnx --include '*layer3*'", "see which sites an option chooses"],
  ],
});

/** Arguments of `laurelize inspect`. */
export type InspectArguments = ArgumentsFor<typeof inspect>;
