import path from "node:path";
import type { Model } from "../src/index.ts";
import { defaultOutput } from "./default-output.ts";
import { dataNames } from "./output.ts";

/** Everything that is written, beside the tuned model. */
export interface Files {
  readonly model: string;
  /** For new weights, if the model keeps its own in files; null if they go into the model. */
  readonly data: string | null;
  readonly adapter: string;
  readonly log: string;
  readonly curve: string;
  readonly state: string;
}

/** Returns the files of a training: beside the tuned model, and named after it. */
export function filesOf(
  { model, output }: { readonly model: string; readonly output: string | undefined },
  { dataFiles }: Pick<Model, "dataFiles">,
): Files {
  const file = output ?? defaultOutput("finetune", model);
  const stem = file.replace(/\.onnx$/i, "");
  return {
    model: file,
    data:
      dataFiles.length > 0
        ? path.join(path.dirname(file), dataNames(file, dataFiles, {}).data)
        : null,
    adapter: `${stem}.safetensors`,
    log: `${stem}.json`,
    curve: `${stem}.svg`,
    state: `${stem}.state.safetensors`,
  };
}
