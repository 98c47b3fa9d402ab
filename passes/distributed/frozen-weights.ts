import { copyNames } from "../../src/graph/placing.ts";
import { replaceWeights } from "../../src/graph/replace-weights.ts";
import { type Model, modelOf, saveModel } from "../../src/model.ts";

/** The name of a model that is copied into a step folder. */
const COPY = "model.onnx";

/** Copies a model and its data files into a folder; returns its path. */
export async function copyInto(model: Model, folder: string): Promise<string> {
  const copies = copyNames(model.dataFiles, COPY);
  const { source, folder: home } = replaceWeights(
    model.graph,
    new Map(),
    copies.size > 0 ? { copies } : {},
  );
  const path = `${folder}/${COPY}`;
  await saveModel(modelOf(source, home), path);
  return path;
}
