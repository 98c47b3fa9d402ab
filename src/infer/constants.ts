import type { Tensor } from "onnxruntime-common";
import { constants, dataOf, readsShapeOnly, tensorOf, typeOfTensor } from "../graph/constants.ts";
import {
  attribute,
  inputsOf,
  knownSizes,
  type Node,
  type TypedGraph,
  type Types,
  type Value,
} from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { encodeNumbers } from "../graph/tensor.ts";
import { walk } from "../graph/walk.ts";
import { elements } from "../onnx/dtypes.ts";
import type { DenseTensor } from "../onnx/new-node.ts";
import { type Ort, runFor, type Tensors, withSession } from "../ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../ort/tensors.ts";
import { INLINE, isInlined, skeleton } from "./skeleton.ts";

/** Number of elements up to which a tensor may be part of computing a shape. */
const FED = 65536;

interface Known extends TypedGraph {
  readonly ort: Ort;
  /** Returns the values that depend only on constants and sizes. */
  readonly fixed: ReadonlySet<Value>;
}

/** Nodes that compute values, and the tensors that they start from. */
interface Computation {
  readonly nodes: Set<Node>;
  readonly feeds: Map<Value, Tensor>;
}

/**
 * Computes the small values of the main graph that depend only on constants and sizes, and that
 * other nodes read, such as axes, reshape targets and scales. onnxruntime computes them from the
 * sizes in `types`. Those that depend on an unknown size are omitted. `free` names weights that are
 * not constants.
 */
export async function computedConstants(
  ort: Ort,
  { graph, types }: TypedGraph,
  free: ReadonlySet<string>,
): Promise<ReadonlyMap<Value, DenseTensor>> {
  const known = { ort, graph, types, fixed: constants(graph, free) };
  const computation: Computation = { nodes: new Set(), feeds: new Map() };
  const ready = wantedValues(known).filter((value) => gather(known, value, computation));
  const outputs = await run(known, computation, ready);
  return new Map(
    ready.flatMap((value) => {
      const tensor = computation.feeds.get(value) ?? outputs[value.name];
      if (!tensor) return [];
      const [dtype, data] = [dtypeOf(tensor), bytesOfTensor(tensor)];
      return [[value, { name: value.name, dtype, dims: tensor.dims, data }]];
    }),
  );
}

/** Returns the small fixed values that are read by nodes with other results. */
function wantedValues(known: Known): Value[] {
  const { graph, fixed } = known;
  const isSmallFixed = (value: Value) =>
    fixed.has(value) && (isSmall(known, value) || isBounded(known, value));
  const readers = graph.main.nodes.filter(
    ({ outputs }) => !outputs.every((value) => !value || (isSmallFixed(value) && !value.isOutput)),
  );
  const read = new Set(readers.flatMap(inputsOf));
  return [...read].filter((value) => value.producer && !tensorOf(value) && isSmallFixed(value));
}

/** Computes values from their feeds; returns nothing if onnxruntime does not run the nodes. */
async function run(
  { ort, types }: Known,
  { nodes, feeds }: Computation,
  values: readonly Value[],
): Promise<Tensors> {
  const computed = values.filter((value) => !feeds.has(value)).map(({ name }) => name);
  const known = (value: Value) => {
    const fed = feeds.get(value);
    return fed ? { dtype: dtypeOf(fed), shape: fed.dims } : (types.get(value) ?? null);
  };
  const stripped = computed.length > 0 ? skeleton(known, [...nodes]) : null;
  if (!stripped) return {};
  const fed = new Map([...feeds].map(([value, tensor]) => [value.name, tensor]));
  const running = withSession(ort, stripped, "disabled", (session) => {
    const inputs = session.inputNames.map((name) => [name, fed.get(name)!] as const);
    return runFor(session, Object.fromEntries(inputs), computed);
  });
  return running.catch(() => ({}));
}

const isSmall = ({ types }: Known, value: Value) =>
  (countOf(types, value) ?? Infinity) <= INLINE && types.get(value)!.dtype !== "string";

/** Whether values decide the size of a value, as in NonZero, and it comes from few of them. */
const isBounded = ({ types }: Known, { producer }: Value) =>
  hasFact(producer?.op, "varying") &&
  inputsOf(producer!).every((input) => (countOf(types, input) ?? Infinity) <= FED);

/** Number of elements of an intermediate value above which its dependents are not computed. */
const LARGEST = 1 << 24;

/** Returns the number of a value's elements; null if a size is unknown. */
function countOf(types: Types, value: Value): number | null {
  const sizes = knownSizes(types, value);
  return sizes && elements(sizes);
}

/** Adds the nodes that compute a value, and their feeds; returns false if one is unknown. */
function gather(known: Known, value: Value, { nodes, feeds }: Computation): boolean {
  const newNodes = new Set<Node>();
  const newFeeds = new Map<Value, Tensor>();
  let isKnown = true;
  const readsOf = (next: Value): readonly Value[] => {
    if (feeds.has(next) || (next.producer && nodes.has(next.producer))) return [];
    const origin = originOf(known, next);
    isKnown &&= origin !== null;
    if (origin?.feed) newFeeds.set(next, origin.feed);
    if (origin?.node) newNodes.add(origin.node);
    return origin?.reads ?? [];
  };
  for (const _ of walk([value], readsOf)) if (!isKnown) return false;
  if (!isKnown) return false;
  for (const node of newNodes) nodes.add(node);
  for (const [key, tensor] of newFeeds) feeds.set(key, tensor);
  return true;
}

/** The origin of a value: a tensor that is fed, or a node and its inputs. */
interface Origin {
  readonly feed: Tensor | null;
  readonly node: Node | null;
  readonly reads: readonly Value[];
}

/** Returns null if the value cannot be computed. */
function originOf({ ort, types, fixed }: Known, value: Value): Origin | null {
  const { producer } = value;
  const tensor = tensorOf(value);
  if (tensor) {
    if (isInlined(tensor)) return { feed: null, node: producer, reads: [] };
    const type = typeOfTensor(value);
    if (!type || elements(tensor.dims) > FED) return null;
    const feed = tensorOfBytes(ort, type.dtype, dataOf(value)!, tensor.dims);
    return { feed, node: null, reads: [] };
  }
  if (!producer) return null;
  if (readsShapeOnly(producer)) {
    const sizes = knownSizes(types, producer.inputs[0]);
    return sizes && { feed: shapeTensor(ort, producer, sizes), node: null, reads: [] };
  }
  const reads = inputsOf(producer);
  const computable = reads.every((input) => fixed.has(input)) && producer.bodies.length === 0;
  const isHuge = (countOf(types, value) ?? 0) > LARGEST;
  return computable && !isHuge ? { feed: null, node: producer, reads } : null;
}

/** Returns the result of Shape or Size for a value of these sizes. */
function shapeTensor(ort: Ort, node: Node, sizes: readonly number[]): Tensor {
  if (node.op === "Size")
    return tensorOfBytes(ort, "int64", encodeNumbers("int64", [elements(sizes)]), []);
  const part = sizes.slice(
    attribute(node, "start")?.i ?? 0,
    attribute(node, "end")?.i ?? undefined,
  );
  return tensorOfBytes(ort, "int64", encodeNumbers("int64", part), [part.length]);
}
