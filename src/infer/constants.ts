import type { Tensor } from "onnxruntime-common";
import { constants, dataOf, readsShapeOnly, tensorOf } from "../graph/constants.ts";
import { attribute, type Graph, type Node, type Value } from "../graph/graph.ts";
import { encodeNumbers } from "../graph/tensor.ts";
import { type Types, typeOfTensor } from "../graph/types.ts";
import { elements } from "../onnx/data-types.ts";
import type { DenseTensor } from "../onnx/new-node.ts";
import type { Type } from "../onnx/shape.ts";
import { type Ort, runFor, type Tensors, withSession } from "../ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../ort/tensors.ts";
import { INLINE, isInlined, skeleton } from "./skeleton.ts";

/** Elements of a weight up to which it may take part in computing a shape. */
const FED = 65536;

/**
 * The small values of the main graph that are computed from nothing but constants and sizes, and
 * that other nodes than such read: axes, targets of reshapes, scales. onnxruntime computes them, the shapes
 * that they start from being told by `types`; those that start from an unknown size are left out.
 * `free` names weights that are no constants.
 */
export async function computedConstants(
  ort: Ort,
  graph: Graph,
  types: Types,
  free: ReadonlySet<string>,
): Promise<ReadonlyMap<Value, DenseTensor>> {
  const fixed = constants(graph, free);
  const asked = new Set<Value>();
  for (const node of graph.main.nodes) {
    const inner = (value: Value | null) =>
      !value || (fixed.has(value) && isSmall(types.get(value)) && !value.isOutput);
    if (node.outputs.every(inner)) continue;
    for (const value of node.inputs)
      if (value?.producer && !tensorOf(value) && fixed.has(value) && isSmall(types.get(value)))
        asked.add(value);
  }
  const nodes = new Set<Node>();
  const feeds = new Map<Value, Tensor>();
  const ready = [...asked].filter((value) => gather(ort, graph, types, fixed, value, nodes, feeds));
  const computed = ready.filter((value) => !feeds.has(value));
  const outputs = await run(ort, graph, types, [...nodes], feeds, computed);
  return new Map(
    ready.flatMap((value) => {
      const tensor = feeds.get(value) ?? outputs[value.name];
      if (!tensor) return [];
      const [dtype, data] = [dtypeOf(tensor), bytesOfTensor(tensor)];
      return [[value, { name: value.name, dtype, dims: tensor.dims, data }]];
    }),
  );
}

/** What the nodes make of their feeds; nothing where onnxruntime does not run them. */
async function run(
  ort: Ort,
  graph: Graph,
  types: Types,
  nodes: readonly Node[],
  feeds: ReadonlyMap<Value, Tensor>,
  wanted: readonly Value[],
): Promise<Tensors> {
  const known = (value: Value) => types.get(value) ?? null;
  const made = wanted.length > 0 ? skeleton(graph, nodes, known, []) : null;
  if (!made) return {};
  const fed = new Map([...feeds].map(([value, tensor]) => [value.name, tensor]));
  const names = wanted.map(({ name }) => name);
  const running = withSession(ort, { model: made.model }, "disabled", (session) =>
    runFor(
      session,
      Object.fromEntries(session.inputNames.map((name) => [name, fed.get(name)!])),
      names,
    ),
  );
  return running.catch(() => ({}));
}

const isSmall = (type: Type | undefined) => {
  const sizes = sizesOf(type);
  return sizes !== null && elements(sizes) <= INLINE && type!.dtype !== "string";
};

/** Elements of a value on the way above which what is computed from it is not computed. */
const ON_THE_WAY = 1 << 24;

const isHuge = (type: Type | undefined) => {
  const sizes = sizesOf(type);
  return sizes !== null && elements(sizes) > ON_THE_WAY;
};

const sizesOf = (type: Type | undefined): number[] | null =>
  type?.shape?.every((dim) => typeof dim === "number") ? (type.shape as number[]) : null;

/** Adds the nodes that a value is computed by, and what they are fed; tells whether that is known. */
function gather(
  ort: Ort,
  graph: Graph,
  types: Types,
  fixed: ReadonlySet<Value>,
  value: Value,
  nodes: Set<Node>,
  feeds: Map<Value, Tensor>,
): boolean {
  const mine = new Set<Node>();
  const shapes = new Map<Value, Tensor>();
  const pending = [value];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { producer } = next;
    if (feeds.has(next) || shapes.has(next)) continue;
    if (!producer || tensorOf(next)) {
      const tensor = tensorOf(next);
      if (!tensor) return false;
      if (isInlined(tensor)) {
        if (producer) mine.add(producer);
        continue;
      }
      const type = typeOfTensor(next);
      if (!type || elements(tensor.dims) > FED) return false;
      shapes.set(next, tensorOfBytes(ort, type.dtype, dataOf(graph, next)!, tensor.dims));
    } else if (readsShapeOnly(producer)) {
      const sizes = producer.inputs[0] && sizesOf(types.get(producer.inputs[0]));
      if (!sizes) return false;
      shapes.set(next, shapeTensor(ort, producer, sizes));
    } else if (!mine.has(producer) && !nodes.has(producer)) {
      const known = producer.inputs.every((input) => !input || fixed.has(input));
      if (!known || producer.bodies.length > 0 || isHuge(types.get(next))) return false;
      mine.add(producer);
      pending.push(...producer.inputs.filter((input) => input !== null));
    }
  }
  for (const node of mine) nodes.add(node);
  for (const [key, tensor] of shapes) feeds.set(key, tensor);
  return true;
}

/** What Shape or Size gives of a value of these sizes. */
function shapeTensor(ort: Ort, node: Node, sizes: readonly number[]): Tensor {
  if (node.op === "Size")
    return tensorOfBytes(ort, "int64", encodeNumbers("int64", [elements(sizes)]), []);
  const part = sizes.slice(
    attribute(node, "start")?.i ?? 0,
    attribute(node, "end")?.i ?? undefined,
  );
  return tensorOfBytes(ort, "int64", encodeNumbers("int64", part), [part.length]);
}
