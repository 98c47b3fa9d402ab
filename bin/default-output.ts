import path from "node:path";

/** What a result is called by default: the ending that takes the place of ".onnx". */
const NAMES: Readonly<Record<string, (stem: string) => string>> = {
  laurelize: (stem) => `${stem}.laurel.onnx`,
  fold: (stem) => `${stem.replace(/\.laurel$/, "")}.folded.onnx`,
  strip: (stem) =>
    /\.laurel$/.test(stem) ? stem.replace(/laurel$/, "onnx") : `${stem}.stripped.onnx`,
  ladder: (stem) => `${stem}.ladder.svg`,
  check: (stem) => `${stem}.web.onnx`,
  apply: (stem) => `${stem.replace(/\.laurel$/, "")}.tuned.onnx`,
  finetune: (stem) => `${stem.replace(/\.laurel$/, "")}.tuned.onnx`,
  extract: (stem) => `${stem}.safetensors`,
  "export-torch": (stem) => `${stem}.pt.safetensors`,
};

/** Returns where a command writes by default: beside the model, or into a folder. */
export function defaultOutput(command: string, model: string, folder?: string): string {
  const { dir, name, ext } = path.parse(model);
  const file = NAMES[command](ext.toLowerCase() === ".onnx" ? name : name + ext);
  return path.join(folder ?? dir, file);
}

/** Whether a command writes a file of a name that follows from its model's. */
export const hasDefaultOutput = (command: string): boolean => Object.hasOwn(NAMES, command);
