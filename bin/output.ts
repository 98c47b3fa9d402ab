import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { copyNames, missingCopies, withoutDoubleDots } from "../passes/internal.ts";
import { tried, writeFailure } from "../src/errors.ts";
import { InputError, type Model } from "../src/index.ts";
import { defaultOutput } from "./default-output.ts";
import { printNote } from "./print.ts";
import { crashes } from "./supervision.ts";

interface Keeping {
  /** A name, "" to choose one, false for inside the model, undefined for the default. */
  readonly externalData: string | boolean | undefined;
  readonly linkWeights?: boolean;
  readonly copyData: boolean;
  readonly quiet: boolean;
  /** The result is for the web. */
  readonly alsoWeb?: boolean;
}

/** Where the result goes: the file, and the data files beside it, if any. */
export interface Output {
  readonly file: string;
  /** The data file for new weights; null if they go into the model. */
  readonly externalData: string | null;
  /** What copies of the model's data files begin with; null if none are made. */
  readonly copyData: string | null;
}

/** Returns the output that the arguments of a command name, or its default beside the input. */
export function outputOf(
  command: string,
  args: Keeping & { model: string; output: string | undefined },
  { dataFiles }: Pick<Model, "dataFiles">,
): Output {
  if (args.linkWeights && args.copyData)
    throw new InputError(
      "--link-weights leaves the old weights where they are, but --copy-data copies them; give only one of them.",
    );
  const file = args.output ?? defaultOutput(command, args.model);
  checkPlain(file);
  const copying = args.copyData && dataFiles.length > 0;
  if (args.copyData && !copying && !args.quiet && crashes().length === 0)
    printNote(
      "warning",
      `--copy-data has no effect: ${path.basename(args.model)} has no data files.`,
    );
  const names = dataNames(file, dataFiles, { forWeb: args.alsoWeb ?? false, copying });
  const given = args.externalData ?? dataFiles.length > 0;
  const data = given === true || given === "" ? names.data : given || null;
  if (data !== null && (path.basename(data) !== data || data.includes("..")))
    throw new InputError(
      `--external-data ${data} must be a file name without folders, because the new weights are stored beside the model.`,
    );
  return { file, externalData: data, copyData: copying ? names.copies : null };
}

/** What an output may replace, and what it needs beside it. */
interface Replacing {
  readonly force: boolean;
  readonly linkWeights?: boolean;
  /** Whether copies of the data files could be asked for. */
  readonly copying?: boolean;
}

/** Data files as transformers.js names them. */
const OF_THE_WEB = /\.onnx_data(?:_\d+)?$/;

/**
 * Returns what the data files of a model are called by default: the one for new weights, and what
 * copies of old ones begin with. Those for the web, and of a model whose own are named so already,
 * are model.onnx_data, model.onnx_data_1, …, as transformers.js looks for them.
 */
export function dataNames(
  file: string,
  old: readonly string[],
  { forWeb = false, copying = false }: { readonly forWeb?: boolean; readonly copying?: boolean },
): { readonly data: string; readonly copies: string } {
  const name = withoutDoubleDots(path.basename(file));
  if (!forWeb && !old.some((name) => OF_THE_WEB.test(name)))
    return { data: `${name}.data`, copies: name };
  const before = copying ? old.length : 0;
  return { data: `${name}_data${before > 0 ? `_${before}` : ""}`, copies: `${name}_data` };
}

/**
 * Refuses an output that would not find its weights. Refuses to replace a file that exists, unless
 * `force` is set, and the model and its data in any case.
 */
export function checkOutput(
  { file, externalData, copyData }: Output,
  input: string,
  { force, linkWeights = false, copying = true }: Replacing,
  { dataFiles }: Pick<Model, "dataFiles">,
): void {
  const folder = realFolder(file);
  const home = path.dirname(path.resolve(input));
  const elsewhere = folder !== fs.realpathSync(home);
  const name = path.basename(input);
  if (linkWeights && elsewhere)
    throw new InputError(
      `with --link-weights the result refers to ${name}, so it must be in the same folder; choose that folder, or leave out the option.`,
    );
  if (copyData === null) checkFound(name, folder, { elsewhere, data: dataFiles, copying });
  const beside = [
    ...(externalData ? [externalData] : []),
    ...(copyData === null ? [] : copyNames(dataFiles, copyData, externalData).values()),
  ];
  const inputFiles = [path.resolve(input), ...dataFiles.map((file) => path.resolve(home, file))];
  for (const target of [file, ...beside.map((other) => path.join(folder, other))])
    checkFree(target, inputFiles, force);
}

/**
 * Refuses a folder that nothing can be written into, before what is to be written is made. Tries
 * it: access rights say nothing of a file system that is read-only or full, nor to root.
 */
export function checkWritable(file: string, option = "-o"): void {
  const folder = realFolder(file, option);
  const trial = path.join(folder, `.laurelize.${randomBytes(4).toString("hex")}.tmp`);
  try {
    fs.writeFileSync(trial, "written", { flag: "wx" });
  } catch (error) {
    throw new InputError(
      `${folder} cannot be written into: ${writeFailure(error)}; choose another place with ${option}.`,
    );
  } finally {
    fs.rmSync(trial, { force: true });
  }
}

/** Returns the folder of a file, with links followed. Throws an InputError if there is none. */
function realFolder(file: string, option = "-o"): string {
  const folder = path.dirname(path.resolve(file));
  const real = tried(() => fs.realpathSync(folder));
  if (real !== null) return real;
  throw new InputError(`${folder} does not exist; choose another place with ${option}.`);
}

function checkFound(
  name: string,
  folder: string,
  { elsewhere, data, copying }: { elsewhere: boolean; data: readonly string[]; copying: boolean },
): void {
  const or = (what: string) => (copying ? what : "laurelize it there with --copy-data first");
  if (data.length > 0 && elsewhere)
    throw new InputError(
      `${name} keeps weights in files beside it, which the result refers to; write the result into that folder, or ${or("pass --copy-data")}.`,
    );
  const led = data.find((file) =>
    path.relative(folder, fs.realpathSync(path.join(folder, file))).startsWith(".."),
  );
  if (led)
    throw new InputError(
      `${led}, which holds weights, is a link out of ${folder}, and onnxruntime would not follow it from the result; ${or("pass --copy-data")}.`,
    );
}

/** Returns a model's file and its data files, as paths from here. */
export const filesOfModel = (file: string, { dataFiles }: Pick<Model, "dataFiles">): string[] => [
  file,
  ...dataFiles.map((name) => path.join(path.dirname(file), name)),
];

/** Refuses copies of a result's data files that would replace something of the user's. */
export function checkCopies(
  model: Pick<Model, "folder">,
  file: string,
  inputFiles: readonly string[],
  force: boolean,
): void {
  for (const name of missingCopies(model, file))
    checkFree(path.join(path.dirname(file), name), inputFiles, force);
}

/** Refuses to write over a file, unless it may be replaced and is not an input. */
export function checkFree(
  target: string,
  inputFiles: readonly string[],
  force: boolean,
  option = "-o",
): void {
  checkPlain(target, option);
  if (!fs.existsSync(target)) return;
  const isInput = (file: string) =>
    fs.existsSync(file) && fs.realpathSync(file) === fs.realpathSync(target);
  if (inputFiles.some(isInput))
    throw new InputError(
      `${target} is the input itself, which is never overwritten; choose another place with ${option}.`,
    );
  if (!force)
    throw new InputError(
      `${target} exists; pass --force to replace it, or choose another place with ${option}.`,
    );
}

/** Throws an InputError if a path names something other than a file, or cannot be followed. */
function checkPlain(file: string, option = "-o"): void {
  let there: fs.Stats | undefined;
  try {
    there = fs.statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw new InputError(
      `${file} cannot be written: ${writeFailure(error)}; choose another path with ${option}.`,
    );
  }
  if (there?.isDirectory())
    throw new InputError(`${file} is a directory; give the path of a file with ${option}.`);
  if (there && !there.isFile())
    throw new InputError(`${file} is not a regular file; choose another path with ${option}.`);
}

/** Throws an InputError unless a file has one of these endings, which is returned. */
export function checkEnding(output: string, endings: readonly string[]): string {
  const ending = path.extname(output).toLowerCase();
  if (endings.includes(ending)) return ending;
  throw new InputError(`-o ${output} must end in ${endings.filter(Boolean).join(" or ")}.`);
}

/** Endings of files of weights, for `checkEnding`: they may have none. */
export const WEIGHTS = ["", ".safetensors"];
