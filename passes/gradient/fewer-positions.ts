import { entry } from "../../src/entry.ts";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import {
  type Graph,
  knownSizes,
  type Node,
  type TypedGraph,
  type Types,
  type Use,
  type Value,
} from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { hasFact } from "../../src/graph/operators.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { elements, placeOfAxis } from "../../src/onnx/dtypes.ts";
import { Rewriter, UNCHANGED } from "../../src/onnx/renamed-nodes.ts";
import { axisOf, type Positions, positionsRead, shapeOfPositions } from "./position-rules.ts";

/** A node that is computed for some positions alone, and what it then reads of each input. */
interface NarrowNode {
  readonly positions: Positions;
  readonly inputs: readonly (Positions | null)[];
}

interface Narrowing extends TypedGraph {
  readonly nodes: ReadonlyMap<Node, NarrowNode>;
}

/**
 * Computes only those positions of a value that are read: a classifier that reads the first token
 * needs no more of its last layer. Where a single node selects positions, all nodes in front of it
 * that handle each position by itself are written for these alone. Returns null if there are none.
 */
export function withFewerPositions(graph: Graph, types: Types): Patch | null {
  const nodes = new Map<Node, NarrowNode>();
  const known = { graph, types, nodes };
  for (const node of graph.main.nodes.toReversed()) {
    const narrow = narrowNode(known, node);
    if (narrow) nodes.set(node, narrow);
  }
  if (![...nodes.keys()].some(({ op }) => !hasFact(op, "layout"))) return null;
  const write = newBuilder(graph, "read");
  const narrowed = narrowing(write, known);
  const removed: Node[] = [];
  for (const node of graph.main.nodes) {
    const narrow = nodes.get(node);
    if (narrow) narrowed.write(node, narrow);
    else if (!narrowed.select(node)) continue;
    removed.push(node);
  }
  return { nodes: write.nodes, tensors: write.tensors, redirects: [], removed };
}

/** Returns a node all of whose readers read the same positions, if its operator can compute these alone. */
function narrowNode(known: Narrowing, node: Node): NarrowNode | null {
  const { types } = known;
  const [output, ...others] = node.outputs;
  if (!output || others.some((value) => value) || output.isOutput || node.bodies.length > 0)
    return null;
  const wanted = output.uses.map((use) => positionsOf(known, use));
  const [positions] = wanted;
  if (!positions || !wanted.every((other) => isSame(positions, other))) return null;
  const sizes = knownSizes(types, output);
  const inputs = node.inputs.map((value) => knownSizes(types, value));
  if (!sizes || inputs.some((shape, k) => node.inputs[k] && !shape)) return null;
  const read = positionsRead({ node, inputs, output: sizes, positions });
  return read && { positions, inputs: read };
}

const isSame = (a: Positions, b: Positions | null) =>
  b !== null && (Object.keys(a) as (keyof Positions)[]).every((key) => a[key] === b[key]);

/** Returns the positions that one use reads of a value; null if it reads all of it. */
function positionsOf(known: Narrowing, { node, index }: Use): Positions | null {
  if (node.scope !== known.graph.main) return null;
  const narrow = known.nodes.get(node);
  return narrow ? narrow.inputs[index] : index === 0 ? selected(known, node) : null;
}

/** Returns the positions that a Gather of one position or a Slice selects, if it is at most half. */
function selected({ types }: Narrowing, node: Node): Positions | null {
  const [from, to] = [node.inputs[0], node.outputs[0]].map((value) => knownSizes(types, value));
  const place = from && to && selectedAxis(node, from.length);
  if (!place) return null;
  const { axis, at } = place;
  const size = from[axis];
  const count = node.op === "Slice" ? to[axis] : 1;
  const start = Math.max(0, placeOfAxis(at, size));
  if (count === 0 || 2 * count > size || start + count > size) return null;
  const [outer, inner] = [elements(from.slice(0, axis)), elements(from.slice(axis + 1))];
  return { outer, size, inner, start, count };
}

function selectedAxis(node: Node, rank: number) {
  const { int, list } = attributesOf(node);
  if (node.op === "Gather") {
    const indices = numbersOf(node.inputs[1]);
    return indices?.length === 1
      ? { axis: placeOfAxis(int("axis", 0), rank), at: indices[0] }
      : null;
  }
  if (node.op !== "Slice") return null;
  const steps = node.inputs[4] ? numbersOf(node.inputs[4]) : [1];
  const [starts, axes] = [list("starts", 1), list("axes", 3) ?? (node.inputs[3] ? null : [0])];
  if (starts?.length !== 1 || axes?.length !== 1 || steps?.[0] !== 1) return null;
  return { axis: placeOfAxis(axes[0], rank), at: starts[0] };
}

function shapeOf(types: Types, value: Value, positions: Positions): readonly number[] {
  const shape = knownSizes(types, value)!;
  return shapeOfPositions(shape, axisOf(shape, positions)!, positions);
}

/** Cuts positions out of a value that is computed whole. */
function cut({ to }: Builder, types: Types, value: Value, positions: Positions): string {
  const { outer, size, inner, start, count } = positions;
  const { axis, before, after } = axisOf(knownSizes(types, value)!, positions)!;
  if (before === 1 && after === 1) return to.slice(value.name, [start], [start + count], [axis]);
  const laid = to.reshape(value.name, [outer, size, inner]);
  const piece = to.slice(laid, [start], [start + count], [1]);
  return to.reshape(piece, shapeOf(types, value, positions));
}

function narrowing(write: Builder, known: Narrowing) {
  const { graph, types } = known;
  const rewriter = new Rewriter<Node>(graph.file);
  const names = new Map<string, string>();
  const keyOf = (value: Value, positions: Positions) => JSON.stringify([value.name, positions]);
  const nameOf = (value: Value | null, positions: Positions | null): string => {
    if (!value || !positions) return value?.name ?? "";
    return entry(names, keyOf(value, positions), () => cut(write, types, value, positions));
  };
  return {
    /** Writes a node for the positions of its output that are read, under a new name. */
    write(node: Node, { positions, inputs }: NarrowNode): void {
      const [output] = node.outputs as Value[];
      write.about(`${output.name}.read`, node);
      const read = node.inputs.map((value, k) => nameOf(value, inputs[k]));
      const given = [...rewriter.attributes(node, UNCHANGED)];
      const attributes = Object.fromEntries(given.map(([key, encoded]) => [key, { encoded }]));
      const [from, to] = [node.inputs[0], output].map((value) => value && types.get(value)?.dtype);
      const isReshape = hasFact(node.op, "reshapes") && from === to;
      const name = isReshape
        ? write.to.reshape(read[0], shapeOf(types, output, positions))
        : write.custom(node.op, read, attributes)[0];
      names.set(keyOf(output, positions), name);
    },
    /** Writes the selection of positions that are computed alone; returns whether the node is one. */
    select(node: Node): boolean {
      const positions = selected(known, node);
      const [value, output] = [node.inputs[0], node.outputs[0]];
      if (!positions || !value?.producer || !known.nodes.has(value.producer)) return false;
      write.about(output!.name, node);
      const shape = write.to.ints(knownSizes(types, output)!);
      write.into(output!.name, "Reshape", [nameOf(value, positions), shape]);
      return true;
    },
  };
}
