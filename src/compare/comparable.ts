import { tensorOf } from "../graph/constants.ts";
import { type Graph, inputsOf, type Node, type Types, type Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { patchedFile } from "../graph/patch.ts";
import { sourcesOf, walk } from "../graph/walk.ts";
import { isFloat } from "../onnx/dtypes.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { withOutputs } from "../ort/expose.ts";
import { withFixedSeeds } from "../ort/fixed-seeds.ts";

/** Maximum number of values on a walk back from an output. */
const LOOKS = 1000;

/** Whether a value of the main graph is computed from the inputs. */
const isComputed = (value: Value) =>
  value.producer !== null && value.scope.kind === "main" && !tensorOf(value);

/** Returns the names of outputs that are not tensors: a ZipMap's maps, sequences, optionals. */
const nonTensors = ({ file }: Graph): string[] =>
  file.graph.outputs.filter(({ type }) => type && !type.tensor).map(({ name }) => name);

/**
 * Returns the names of the last float values before the outputs without floats: the inputs of an
 * ArgMax, a comparison or a ZipMap. A label changes only if another class wins, but these values
 * change with every weight.
 */
function lastFloats({ main }: Graph, types: Types): string[] {
  const isOfFloats = (value: Value) => isFloat(types.get(value)?.dtype);
  const labels = main.outputs.filter((value) => !isOfFloats(value));
  const behind = (value: Value) => (isOfFloats(value) ? [] : sourcesOf(value).filter(isComputed));
  return [...walk(labels, behind, LOOKS)].filter(isOfFloats).map(({ name }) => name);
}

/**
 * Returns the names of the main graph's computed floats that show changes which the outputs may
 * hide. Some are rounded, compared or ranked, such as a predicted duration. Others precede a
 * saturating operator, such as the logits of a Sigmoid that is 0 everywhere on random inputs.
 */
export function floatsBeforeLoss({ main }: Graph, types: Types): string[] {
  const isOfFloats = (value: Value | null) => isFloat(types.get(value!)?.dtype);
  const stepped = main.nodes.filter(
    ({ op, outputs }) => hasFact(op, "steps") || (op === "Cast" && !isOfFloats(outputs[0])),
  );
  const read = [...stepped, ...saturatingEnds(main)].flatMap(inputsOf);
  const floats = read.filter((value) => isComputed(value) && isOfFloats(value));
  return [...new Set(floats.map(({ name }) => name))];
}

/** Returns saturating nodes whose results reach an output directly or with constants only. */
function saturatingEnds({ outputs }: Graph["main"]): Node[] {
  const before = (value: Value) => {
    const sources = sourcesOf(value).filter(isComputed);
    const { op } = value.producer ?? { op: "" };
    const isPassed =
      hasFact(op, "layout", "carries", "saturates") ||
      (hasFact(op, "arithmetic") && sources.length === 1);
    return isPassed ? sources : [];
  };
  const nodes = [...walk(outputs, before, LOOKS)].flatMap(({ producer }) => producer ?? []);
  return nodes.filter(({ op }) => hasFact(op, "saturates"));
}

/** How a model is run for a comparison, and which of its values are compared. */
export interface Comparable {
  /** Outputs that are tensors, and substitutes for the others: values of the main graph by name. */
  readonly names: readonly string[];
  /** Returns a form of the model for JavaScript: tensors as outputs, and fixed seeds. */
  readonly provable: (file: ModelFile) => ModelFile;
}

/** Returns how forms of a model are compared; `there` returns whether all have a value. */
export function comparableOf(
  graph: Graph,
  types: Types,
  there: (name: string) => boolean = () => true,
): Comparable {
  const others = nonTensors(graph);
  const shown = lastFloats(graph, types).filter(there);
  const tensors = graph.main.outputs.map(({ name }) => name).filter((n) => !others.includes(n));
  return {
    names: [...new Set([...tensors, ...shown])],
    provable: (file) =>
      withFixedSeeds(
        others.length === 0 ? file : withOutputs(patchedFile(file, { untold: others }), shown),
      ),
  };
}
