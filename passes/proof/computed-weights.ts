import type { InferenceSession, Tensor } from "onnxruntime-common";
import { tensorOf } from "../../src/graph/constants.ts";
import { type Graph, inputsOf, type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { type Ort, type Tensors, withSession } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf } from "../../src/ort/tensors.ts";
import type { Plan } from "../laurelize/plan.ts";
import { nodesAlone } from "./site-nodes.ts";

/** Nodes that are run in one session, whose time is quadratic in them too. */
const TOGETHER = 1000;

/**
 * Returns a result with initializers in place of what the inserted nodes compute from weights
 * alone, such as Softmax(w), because onnxruntime's loading is quadratic in the number of nodes that
 * no other precedes. The values are those of the same nodes with optimizations disabled, which is
 * how onnxruntime folds them itself. Returns the same result if its values cannot be read.
 */
export async function withComputedWeights(
  ort: Ort,
  result: Graph,
  { patch }: Plan,
): Promise<ModelFile> {
  const nodes = weightNodes(result, new Set(patch.nodes.flatMap(({ node }) => node.outputs)));
  const computed = await valuesOf(ort, nodes);
  const gone = new Set(nodes);
  const isRead = ({ uses, isOutput }: Value) =>
    isOutput || uses.some(({ node }) => !gone.has(node));
  const read = nodes.flatMap(outputsOf).filter(isRead);
  if (!read.every(({ name }) => computed[name]) || result.file.message.irVersion < FIRST_PLAIN)
    return result.file;
  const tensors = read.map(({ name }) => {
    const tensor = computed[name];
    return { name, dtype: dtypeOf(tensor), dims: tensor.dims, data: bytesOfTensor(tensor) };
  });
  const fresh = patch.tensors.flatMap(({ name }) => result.main.values.get(name) ?? []);
  const unread = fresh.filter((value) => value.initializer && !isRead(value));
  return patchedFile(result.file, { removed: [...nodes, ...unread], tensors });
}

/** The IR version from which an initializer need not be an input too. */
const FIRST_PLAIN = 4;

/** The inserted nodes of the main graph that read weights, and what such nodes compute, alone. */
function weightNodes({ main }: Graph, inserted: ReadonlySet<string>): Node[] {
  const known = new Set<Value>();
  const isKnown = (value: Value | null) => !value || known.has(value) || tensorOf(value) !== null;
  return main.nodes.filter((node) => {
    const made = outputsOf(node);
    const isOne = made.every(({ name }) => inserted.has(name)) && node.inputs.every(isKnown);
    if (isOne) for (const value of made) known.add(value);
    return isOne;
  });
}

/** What nodes compute from weights, by name, some nodes at a time. */
async function valuesOf(ort: Ort, nodes: readonly Node[]): Promise<Tensors> {
  const computed: Record<string, Tensor> = Object.create(null);
  for (let at = 0; at < nodes.length; at += TOGETHER) {
    const some = nodes.slice(at, at + TOGETHER);
    const read = some.flatMap(inputsOf).filter(({ name }) => computed[name]);
    const given = Object.fromEntries(read.map(({ name }) => [name, computed[name]]));
    const alone = nodesAlone(ort, some, given);
    if (!alone) return computed;
    const run = (session: InferenceSession) => session.run({ ...alone.weights, ...given });
    Object.assign(computed, await withSession(ort, alone, "disabled", run).catch(() => ({})));
  }
  return computed;
}
