import path from "node:path";

/** Everything that is written, beside the tuned model. */
export interface Files {
  readonly model: string;
  readonly adapter: string;
  readonly log: string;
  readonly curve: string;
  readonly state: string;
}

/** The files of a training: beside the tuned model, and named after it. */
export function filesOf({
  model,
  output,
}: {
  readonly model: string;
  readonly output: string | undefined;
}): Files {
  const { dir, name, ext } = path.parse(model);
  const plain = (ext === ".onnx" ? name : name + ext).replace(/\.laurel$/, "");
  const file = output ?? path.join(dir, `${plain}.tuned.onnx`);
  const stem = file.replace(/\.onnx$/, "");
  return {
    model: file,
    adapter: `${stem}.safetensors`,
    log: `${stem}.json`,
    curve: `${stem}.svg`,
    state: `${stem}.state.safetensors`,
  };
}
