import { bytes, missingCopies } from "../passes/internal.ts";
import { openModel, strip } from "../src/index.ts";
import type { StripArguments } from "./commands/strip.ts";
import { defaultOutput } from "./default-output.ts";
import { printResult } from "./json.ts";
import { checkCopies, checkFree, checkOutput, filesOfModel } from "./output.ts";
import { staged } from "./staged.ts";

/** Takes the last laurelization out of a model and writes what it was before. */
export async function runStrip(args: StripArguments): Promise<void> {
  const file = args.output ?? defaultOutput("strip", args.model);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const { model: original, checked, beside } = await strip(model);
  const place = { file, externalData: null, copyData: null };
  const back = original.folder?.copies ?? new Map<string, string>();
  const left = original.dataFiles.filter((name) => !back.has(name));
  checkOutput(place, args.model, args, { dataFiles: left });
  const inputFiles = filesOfModel(args.model, model);
  const data = missingCopies(original, file);
  checkFree(file, inputFiles, args.force);
  checkCopies(original, file, inputFiles, args.force);
  (await staged(original, file, args.force)).keep();
  const said = {
    whole: "byte for byte the original (SHA-256 checked)",
    sample: `byte for byte the original (SHA-256 of a sample checked): its weights are read from ${beside}; --hash checks the whole file`,
    none: "not checked: the original's SHA-256 was not recorded (--no-hash)",
  }[checked ?? "none"];
  const document = { input: args.model, output: file, bytes: original.size, data, checked };
  const line = `wrote ${[file, ...data].join(", ")}   ${bytes(original.size)}, ${said}`;
  printResult(args, document, [line]);
}
