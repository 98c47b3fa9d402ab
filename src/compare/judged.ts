import { tensorOf } from "../graph/constants.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { patchedFile } from "../graph/patch.ts";
import { isFloat, type Types } from "../graph/types.ts";
import { sourcesOf, walk } from "../graph/walk.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { withOutputs } from "../ort/expose.ts";
import { sown } from "../ort/fixed-seeds.ts";

/** Values that a walk back from an output may look at. */
const LOOKS = 1000;

/** Names of the outputs that are no tensors: a ZipMap's maps, sequences, optionals. */
const nonTensors = ({ file }: Graph): string[] =>
  file.graph.outputs.filter(({ type }) => type && !type.tensor).map(({ name }) => name);

/**
 * Names of the last float values before the outputs that hold none: what an ArgMax, a comparison
 * or a ZipMap reads. A label moves only if a class wins over another; these move with every weight.
 */
function lastFloats({ main }: Graph, types: Types): string[] {
  const isOfFloats = (value: Value) => isFloat(types.get(value)?.dtype);
  const computed = (value: Value) => value.producer && !tensorOf(value) && value.scope === main;
  const labels = main.outputs.filter((value) => !isOfFloats(value));
  const behind = (value: Value) => (isOfFloats(value) ? [] : sourcesOf(value).filter(computed));
  return [...walk(labels, behind, LOOKS)].filter(isOfFloats).map(({ name }) => name);
}

/** How a model is run for a comparison, and in which of its values the comparison is made. */
export interface Judged {
  /** Outputs that are tensors, and what stands for others: values of the main graph by name. */
  readonly names: readonly string[];
  /** A writing of the model as JavaScript can run it: its outputs are tensors, and it draws alike. */
  readonly provable: (file: ModelFile) => ModelFile;
}

/** How a model, and others made of it, are judged; `there` tells which values all of them have. */
export function judgedOf(
  graph: Graph,
  types: Types,
  there: (name: string) => boolean = () => true,
): Judged {
  const others = nonTensors(graph);
  const shown = lastFloats(graph, types).filter(there);
  const tensors = graph.main.outputs.map(({ name }) => name).filter((n) => !others.includes(n));
  return {
    names: [...new Set([...tensors, ...shown])],
    provable: (file) => sown(withTensorsOnly(file, others, shown)),
  };
}

/** The model without its outputs that are no tensors, and with these values as outputs. */
function withTensorsOnly(
  file: ModelFile,
  others: readonly string[],
  shown: readonly string[],
): ModelFile {
  if (others.length === 0) return file;
  return withOutputs(patchedFile(file, { untold: others }), shown);
}
