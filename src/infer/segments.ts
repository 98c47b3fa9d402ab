import { tensorOf } from "../graph/constants.ts";
import { type KnownType, type Node, outputsOf, readsOf, type Value } from "../graph/graph.ts";
import { operatorsThat } from "../graph/operators.ts";
import { byOrder } from "../graph/scopes.ts";
import { walk } from "../graph/walk.ts";
import { checkShapeLengths, takesUnmeasured } from "./shape-lengths.ts";

/** Maximum number of nodes in a session, because its cost is quadratic in its outputs. */
const SEGMENT = 1000;

/** Returns the nodes to infer next. They end before one that reads a shape of unknown length. */
export function segmentFrom(nodes: readonly Node[], start: number, known: KnownType): Node[] {
  const segment = nodes.slice(start, start + SEGMENT);
  const cut = segment.findIndex((node, k) => k > 0 && takesUnmeasured(node, known));
  if (cut > 0) segment.length = cut;
  for (const node of segment) checkShapeLengths(node, known);
  return segment;
}

/**
 * Adds the producers of a segment's inputs to it if they are constants or shape computations,
 * because ONNX infers a Reshape only if it sees how its shape is computed.
 */
export function withShapes(segment: readonly Node[], start: number): Node[] {
  if (segment.length === 0) return [];
  const { scope } = segment[0];
  const comesBefore = (node: Node) => node.scope !== scope || node.index < start;
  const tells = (node: Node, value: Value, { op }: Node) =>
    op === "Constant" ||
    (SHAPE_COMPUTATION.has(op) && (comesBefore(node) || takesShape(node, value)));
  const shapes = (node: Node) =>
    readsOf(node).flatMap((value) => {
      const { producer } = value;
      return producer && comesBefore(producer) && tells(node, value, producer) ? producer : [];
    });
  return [...walk(segment, shapes)].sort(byOrder);
}

const SHAPE_COMPUTATION = operatorsThat("counts");
const SHAPE_TAKING = operatorsThat("shaped");

/** Whether an operator reads a value as a shape, sizes or axes, not as data. */
const takesShape = (node: Node, value: Value) =>
  node.op === "ConstantOfShape" ||
  node.op === "Range" ||
  (SHAPE_TAKING.has(node.op) && node.inputs[0] !== value);

/** Returns the nodes whose inputs all have a known type or are made by one of them. */
export function readyNodes(nodes: readonly Node[], known: KnownType): Node[] {
  const made = new Set<Value>();
  return nodes.filter((node) => {
    const ready = readsOf(node).every(
      (value) => made.has(value) || tensorOf(value) || value.initializer || known(value),
    );
    if (ready) for (const output of outputsOf(node)) made.add(output);
    return ready;
  });
}
