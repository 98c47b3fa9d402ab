import type { Tensor } from "onnxruntime-common";
import { dataOf, tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { type Graph, inputsOf, type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { isInlined, skeleton } from "../../src/infer/skeleton.ts";
import { hasTensors, type Type } from "../../src/onnx/dtypes.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { type Ort, withSession } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../../src/ort/tensors.ts";
import type { Plan } from "../laurelize/plan.ts";

/** Nodes that are run in one session, whose time is quadratic in them too. */
const TOGETHER = 1000;

/**
 * Returns a result in which what the inserted nodes compute from weights alone, Softmax(w) for
 * instance, is an initializer, because onnxruntime's loading is quadratic in the number of nodes
 * that no other precedes. The values are those of the same nodes with optimizations disabled, which
 * is how onnxruntime folds them itself. Returns the same result if its values cannot be read.
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
  if (!read.every(({ name }) => computed.has(name)) || result.file.message.irVersion < FIRST_PLAIN)
    return result.file;
  const tensors = read.map(({ name }) => {
    const tensor = computed.get(name)!;
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
async function valuesOf(ort: Ort, nodes: readonly Node[]) {
  const computed = new Map<string, Tensor>();
  for (let at = 0; at < nodes.length; at += TOGETHER) {
    const some = nodes.slice(at, at + TOGETHER);
    const made = new Set(some.flatMap(outputsOf));
    const given = some.flatMap(inputsOf);
    const fed = new Map<Value, Tensor>();
    for (const value of new Set(given)) {
      const tensor = made.has(value) ? null : (computed.get(value.name) ?? large(ort, value));
      if (tensor) fed.set(value, tensor);
    }
    const known = (value: Value): Type | null => {
      const tensor = fed.get(value);
      return tensor ? { dtype: dtypeOf(tensor), shape: tensor.dims } : null;
    };
    const part = skeleton(known, some, { fed: new Set(fed.keys()) });
    if (!part) return computed;
    const feeds = Object.fromEntries([...fed].map(([{ name }, tensor]) => [name, tensor]));
    const got = await withSession(ort, part, "disabled", (session) => session.run(feeds)).catch(
      () => ({}),
    );
    for (const [name, tensor] of Object.entries(got)) computed.set(name, tensor);
  }
  return computed;
}

/** A weight that is too large to stand in a model of a few nodes. */
function large(ort: Ort, value: Value): Tensor | null {
  const [tensor, type] = [tensorOf(value), typeOfTensor(value)];
  if (!tensor || !type || isInlined(tensor) || !hasTensors(type.dtype)) return null;
  return tensorOfBytes(ort, type.dtype, dataOf(value)!, type.shape as number[]);
}
