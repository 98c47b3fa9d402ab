import fs from "node:fs";
import path from "node:path";
import { InputError, type Model } from "../src/index.ts";

/** Where the result goes: the file, and the data file beside it where there is to be one. */
export interface Output {
  readonly file: string;
  readonly data: string | null;
}

/** The output that the arguments name; `model.laurel.onnx` beside the input by default. */
export function outputOf(args: {
  model: string;
  output: string | undefined;
  externalData: boolean;
}): Output {
  const { dir, name, ext } = path.parse(args.model);
  const file = args.output ?? path.join(dir, `${ext === ".onnx" ? name : name + ext}.laurel.onnx`);
  return { file, data: args.externalData ? `${path.basename(file)}.data` : null };
}

/** Refuses an output that would replace something of the user's, or lose the way to the weights. */
export function checkOutput(
  { file, data }: Output,
  input: string,
  force: boolean,
  model: Model,
): void {
  const folder = path.dirname(path.resolve(file));
  if (!fs.existsSync(folder))
    throw new InputError(
      `${folder} does not exist; make it first or choose another place with -o.`,
    );
  const home = path.dirname(path.resolve(input));
  const real = fs.realpathSync(folder);
  const { dataFiles } = model;
  if (dataFiles.length > 0 && real !== fs.realpathSync(home))
    throw new InputError(
      `${path.basename(input)} keeps weights in files beside it, which the result refers to; write the result into the same folder.`,
    );
  const led = dataFiles.find((name) =>
    path.relative(real, fs.realpathSync(path.join(real, name))).startsWith(".."),
  );
  if (led)
    throw new InputError(
      `${led}, which holds weights, is a link out of ${folder}, and onnxruntime would not follow it from the result; copy the model there with cp -rL first.`,
    );
  const own = [path.resolve(input), ...dataFiles.map((name) => path.resolve(home, name))];
  for (const target of data ? [file, path.join(folder, data)] : [file]) {
    if (!fs.existsSync(target)) continue;
    if (fs.statSync(target).isDirectory())
      throw new InputError(`${target} is a directory; give the path of a file with -o.`);
    if (
      own.some((mine) => fs.existsSync(mine) && fs.realpathSync(mine) === fs.realpathSync(target))
    )
      throw new InputError(
        `${target} is the input itself, which is never written to; choose another place with -o.`,
      );
    if (!force)
      throw new InputError(
        `${target} exists; pass --force to replace it, or choose another place with -o.`,
      );
  }
}
