import type { Argv, CommandModule } from "yargs";
import { UsageError } from "../failure.ts";
import type { CheckArguments } from "../run-check.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start } from "../supervise.ts";
import {
  dim,
  force,
  inputs,
  json,
  models,
  outDir,
  provider,
  quiet,
  report,
  seed,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** Reads a size: "500MB", "1.5 GB", "65536". Throws a UsageError if it is none. */
export function parseSize(text: string): number {
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]?)b?\s*$/i.exec(text) ?? [];
  const size = Math.floor(Number(number) * UNITS[unit.toLowerCase()]);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new UsageError(`--split takes a size, 500MB or 1GB (got ${text}).`);
}

/** `laurelize check`: whether a model runs elsewhere. */
export const check = (start: Start): CommandModule<object, Several<CheckArguments>> => ({
  command: "check <model..>",
  describe: "say whether a model runs in onnxruntime-web, and how, before it is shipped",
  builder: (yargs) =>
    yargs
      .positional("model", models)
      .options(
        withValues({
          target: {
            type: "string",
            default: "web",
            describe: "where it is to run: web, onnxruntime@1.22, ios or android",
          },
          split: {
            type: "string",
            coerce: parseSize,
            describe:
              "cut weights into files of at most this size, 500MB, named as transformers.js looks for them, and check the result",
          },
          output: {
            alias: "o",
            type: "string",
            describe: "where --split writes  [default: model.web.onnx beside the input]",
            idle: ({ split }) => (split === undefined ? "nothing is split" : null),
          },
          "out-dir": {
            ...outDir["out-dir"],
            idle: ({ split }) => (split === undefined ? "nothing is split" : null),
          },
          browser: {
            type: "boolean",
            default: true,
            describe: "read in Chromium which nodes run on WebGPU, if Chromium is there",
          },
          ...dim(),
          ...inputs("for both runtimes"),
          ...seed,
          ...force,
          ...report,
          ...json,
          ...quiet,
          ...provider,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example("$0 check model.onnx --target web --split 500MB", "files that a browser can load")
      .epilogue(
        "Exit codes: 0 it runs, 1 it does not run or differs, 2 unreadable, 4 it could not be checked.",
      ) as unknown as Argv<Several<CheckArguments>>,
  handler: (args) => forEachModel<CheckArguments>("check", args, (one) => start("check", one)),
});
