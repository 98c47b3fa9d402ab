import { openModel, saveModel, strip } from "../src/index.ts";
import type { StripArguments } from "./commands/strip.ts";
import { checkOutput } from "./output.ts";
import { bytes } from "./text.ts";

/** Takes the last laurelization out of a model and writes what it was before. */
export async function runStrip(args: StripArguments): Promise<void> {
  const file =
    args.output ??
    args.model.replace(/(\.laurel)?\.onnx$/, "") +
      (/\.laurel\.onnx$/.test(args.model) ? ".onnx" : ".stripped.onnx");
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const { model: original, checked } = await strip(model);
  checkOutput({ file, data: null }, args.model, args.force, original);
  await saveModel(original, file);
  const how = checked
    ? "byte for byte the original, by its SHA-256"
    : "not checked: the original's SHA-256 was not recorded (--no-hash)";
  if (!args.quiet) process.stdout.write(`wrote ${file}   ${bytes(original.size)}, ${how}\n`);
}
