import type { Argv, CommandModule } from "yargs";
import { finding, json, trustLinks } from "./options.ts";

interface Arguments {
  model: string;
  why: boolean;
  json: boolean;
  featureAxis: number | undefined;
  also: ("se" | "merge" | "constant")[] | undefined;
  trustLinks: boolean;
}

/** `laurelize inspect`: what the tool would find, and why not more. */
export const inspect: CommandModule<object, Arguments> = {
  command: "inspect <model>",
  describe: "list a model's residual connections, changing nothing",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "the .onnx file" })
      .options({
        why: {
          type: "boolean",
          default: false,
          describe: "list every other sum with the reason why it is none",
        },
        ...json,
        ...finding,
        ...trustLinks,
      })
      .example(
        "$0 inspect model.onnx --why",
        "see each site, and why every other Add is none",
      ) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const { runInspect } = await import("../run-inspect.ts");
    await runInspect(args);
  },
};
