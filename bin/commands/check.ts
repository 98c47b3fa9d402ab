import { UsageError } from "../failure.ts";
import { type ArgumentsFor, command } from "./command.ts";
import { delivering, idleIf, outDir, output, runInputs } from "./options.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** Reads a size: "500MB", "1.5 GB", "65536". Throws a UsageError if it is not one. */
function parseSize(text: string): number {
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]?)b?\s*$/i.exec(text) ?? [];
  const size = Math.floor(Number(number) * UNITS[unit.toLowerCase()]);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new UsageError(`--split takes a size, such as 500MB or 1.5GB (got ${text}).`);
}

/** `laurelize check`: whether a model runs elsewhere. */
export const check = command({
  command: "check <model..>",
  describe: "check whether a model runs in onnxruntime-web, or in another onnxruntime",
  positionals: { model: "the .onnx file, or several" },
  options: {
    target: {
      type: "string",
      default: "web",
      describe:
        "where the model is to run: web, ios, android, or a version of onnxruntime (onnxruntime@1.22)",
    },
    split: {
      type: "string",
      coerce: parseSize,
      describe:
        "split the weights into files of at most this size (500MB, 1.5GB), named as transformers.js expects, and check the result",
    },
    ...idleIf(({ split }) => (split === undefined ? "nothing is split" : null), {
      ...output("model.web.onnx beside the input", "output file of --split"),
      ...outDir,
    }),
    browser: {
      type: "boolean",
      default: true,
      describe:
        "find out in Chromium, if it is installed, which nodes run on WebGPU; --no-browser skips this",
    },
    ...runInputs("both runtimes"),
    ...delivering,
  },
  examples: [
    ["$0 check model.onnx --target web --split 500MB", "write files that a browser can load"],
  ],
  exitCodes: {
    0: "it runs and computes the same",
    1: "it does not run or differs",
    4: "it could not be checked",
  },
});

/** Arguments of `laurelize check`. */
export type CheckArguments = ArgumentsFor<typeof check>;
