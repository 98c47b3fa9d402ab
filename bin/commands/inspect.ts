import type { Argv, CommandModule } from "yargs";

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
        json: { type: "boolean", default: false, describe: "print one JSON document" },
        also: {
          type: "string",
          array: true,
          nargs: 1,
          coerce: (given: string[]) => given.flatMap((text) => text.split(",")),
          describe: "also take sums of these kinds: se, merge, constant",
        },
        "feature-axis": {
          type: "number",
          describe: "feature axis of every site, where the graph does not tell it",
        },
        "trust-links": {
          type: "boolean",
          default: false,
          describe: "follow links to weights that lead out of the model's folder",
        },
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
