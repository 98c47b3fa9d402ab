import { entry } from "../entry.ts";
import { externalRange, isExternal } from "./external.ts";
import type { GraphMessage, NodeMessage, SparseTensorMessage, TensorMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";

const locations = new WeakMap<ModelFile, ReadonlySet<string>>();

/** Returns the names of all data files that a model refers to, in any scope. */
export const externalLocations = (file: ModelFile): ReadonlySet<string> =>
  entry(locations, file, () => {
    const outside = [...allTensors(file)].filter(isExternal);
    return new Set(outside.map((tensor) => externalRange(tensor.name, tensor).location));
  });

/**
 * Returns every tensor of a model: initializers, values and indices of sparse ones, and attributes,
 * in the main graph, bodies, functions and their defaults, and training graphs.
 */
export function* allTensors(file: ModelFile): Generator<TensorMessage> {
  for (const graph of allGraphs(file)) {
    yield* graph.initializers;
    for (const sparse of graph.sparseInitializers) yield* partsOfSparse(sparse);
    yield* tensorsOf(graph.nodes);
  }
  for (const { nodes, defaults } of file.message.functions)
    yield* tensorsOf([...nodes, { attributes: defaults }]);
}

/** Returns every graph of a model: the main graph, all bodies, and training graphs. */
export function* allGraphs({ graph, message }: ModelFile): Generator<GraphMessage> {
  yield* withBodies(graph);
  for (const { nodes, defaults } of message.functions)
    yield* bodiesOf([...nodes, { attributes: defaults }]);
  for (const { initialization, algorithm } of message.training)
    for (const graph of [initialization, algorithm]) if (graph) yield* withBodies(graph);
}

type Attributed = Pick<NodeMessage, "attributes">;

function* tensorsOf(nodes: readonly Attributed[]): Generator<TensorMessage> {
  for (const { attributes } of nodes)
    for (const { t, tensors, sparseTensor, sparseTensors } of attributes) {
      if (t) yield t;
      yield* tensors;
      if (sparseTensor) yield* partsOfSparse(sparseTensor);
      for (const sparse of sparseTensors) yield* partsOfSparse(sparse);
    }
}

function* partsOfSparse({ values, indices }: SparseTensorMessage): Generator<TensorMessage> {
  if (values) yield values;
  if (indices) yield indices;
}

function* withBodies(graph: GraphMessage): Generator<GraphMessage> {
  yield graph;
  yield* bodiesOf(graph.nodes);
}

function* bodiesOf(nodes: readonly Attributed[]): Generator<GraphMessage> {
  for (const { attributes } of nodes)
    for (const graph of graphsIn(attributes)) yield* withBodies(graph);
}

/** Returns the graphs that attributes hold, in order. */
export const graphsIn = (attributes: NodeMessage["attributes"]): GraphMessage[] =>
  attributes.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));

/** Yields the nodes of a graph from the last to the first, those of a node's bodies before it. */
export function* nodesBackwards({ nodes }: GraphMessage): Generator<NodeMessage> {
  for (const node of nodes.toReversed()) {
    for (const body of graphsIn(node.attributes)) yield* nodesBackwards(body);
    yield node;
  }
}
