import { inserting } from "../../passes/laurelize/insert-options.ts";
import { command, flag } from "./command.ts";
import type { InsertingArguments } from "./inserting.ts";
import {
  dataFiles,
  dim,
  finding,
  force,
  inputs,
  outDir,
  output,
  printing,
  prove,
  report,
  running,
} from "./options.ts";

/** How far a result of `laurelize` is proved. */
export const proving = {
  ...prove(
    ["full", "sites"],
    "prove the result in onnxruntime: the whole model (full), or each site alone (sites), which needs less memory; --no-prove skips the proof",
  ),
  allSites: flag(
    "check every site, even if there are more than 200, of which the proof otherwise checks a sample",
  ),
  alsoWeb: flag(
    "also check in onnxruntime-web, which must be installed, that the function is the same",
  ),
} as const;

/** Whether LAuReL may be added twice. */
export const again = {
  again: flag("insert once more into a model that is already laurelized"),
} as const;

/** `laurelize model.onnx`: find, rewrite, prove, write. */
export const laurelize = command({
  command: "$0 <model..>",
  describe:
    "insert LAuReL, a learned augmented residual layer, at every residual connection, prove the result and write it",
  positionals: { model: "the .onnx file, or several" },
  options: {
    ...output("model.laurel.onnx beside the input"),
    ...outDir,
    ...inserting,
    ...finding,
    ...dim("for the proof"),
    ...inputs("the proof"),
    ...proving,
    ...force,
    dryRun: flag("print what would be done; prove and write nothing"),
    report: {
      ...report.report,
      idle: ({ dryRun }) => (dryRun ? "nothing is written in a dry run" : null),
    },
    ...printing,
    ...again,
    hash: {
      type: "boolean",
      describe:
        "record the original's SHA-256, which strip checks; --no-hash skips it  [default: true; false with --link-weights]",
    },
    linkWeights: flag(
      "refer to the old weights in the original file, which must stay beside the result, instead of copying them",
    ),
    ...dataFiles("the larger new weights"),
    ...running,
  },
  examples: [
    ["$0 model.onnx", "write model.laurel.onnx with rw+lr at every site"],
    ["$0 model.onnx --variant rw -o rw.onnx", "insert two learned weights per site"],
    ["$0 model.onnx --include '*layer3*' --rank 32", "choose sites by name"],
    ["$0 model.onnx --inputs data.npz", "prove it on your own data"],
  ],
  exitCodes: { 1: "a check failed", 3: "no residual site", 4: "a check could not run" },
  written: "Results are written only with 0.",
});

/** Arguments of `laurelize`. */
export type LaurelizeArguments = InsertingArguments<typeof laurelize>;
