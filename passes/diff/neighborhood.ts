import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { inputsOf, type Node, outputsOf, readsOf, type Value } from "../../src/graph/graph.ts";
import { inOrder, labelOf, pathOf } from "../../src/graph/scopes.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import type { NodeChange } from "./matched-models.ts";

/** How a node or weight differs between two models; "same" is shown for context. */
export type Mark = "added" | "removed" | "changed" | "same";

/** A weight that a drawn node reads. */
export interface DrawnWeight {
  readonly name: string;
  readonly dtype: string | null;
  readonly shape: readonly Dimension[] | null;
  readonly mark: Mark;
}

/** A node of a neighborhood, or an input or output of its graph. */
export interface DrawnNode {
  readonly kind: "node" | "input" | "output";
  readonly name: string;
  /** The operator; empty for inputs and outputs. */
  readonly op: string;
  /** The path of its scope: "main", "If_25/then_branch", or a function's name. */
  readonly scope: string;
  readonly mark: Mark;
  /** What of a changed node differs. */
  readonly changes: readonly NodeChange[];
  readonly weights: readonly DrawnWeight[];
}

/** A value that one drawn node writes and another reads, by their positions in the list. */
export interface DrawnEdge {
  readonly from: number;
  readonly to: number;
  readonly value: string;
}

/** Some nodes of one model, with those that they read and that read them. */
export interface Neighborhood {
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
  /** Number of further nodes that are left out. */
  readonly hidden: number;
}

/** How nodes and weights of one of the two models differ from the other. */
export interface Marks {
  readonly node: (node: Node) => Mark;
  readonly weight: (value: Value) => Mark;
  readonly changes: (node: Node) => readonly NodeChange[];
}

/** Nodes of a region that are drawn, and readers of one value. */
const [MOST, READERS] = [40, 2];

/** Returns a region of one model with its surroundings. */
export function neighborhood(region: Iterable<Node>, marks: Marks): Neighborhood {
  // A node whose outputs are weights is shown in the nodes that read them.
  const isShownInside = ({ outputs }: Node) => outputs.every((value) => value && isWeight(value));
  const all = inOrder([...region].filter((node) => !isShownInside(node)));
  const core = all.slice(-MOST);
  const drawn = new Map<Node | Value, DrawnNode>();
  const edges: { from: Node | Value; to: Node | Value; value: string }[] = [];
  const draw = (node: Node) => drawn.set(node, drawnNode(node, marks));
  const link = (value: Value, to: Node | Value) => {
    const from = value.producer ?? value;
    if (!drawn.has(from))
      drawn.set(from, value.producer ? drawnNode(value.producer, marks) : port(value, "input"));
    if (drawn.has(to)) edges.push({ from, to, value: value.name });
  };
  for (const node of core) draw(node);
  for (const node of core)
    for (const value of new Set(readsOf(node))) if (!isWeight(value)) link(value, node);
  for (const node of core)
    for (const value of outputsOf(node)) {
      const readers = new Set(
        value.uses.map((use) => use.node).filter((reader) => !core.includes(reader)),
      );
      for (const reader of [...readers].slice(0, READERS)) {
        draw(reader);
        link(value, reader);
      }
      if (!value.isOutput) continue;
      drawn.set(value, port(value, "output"));
      edges.push({ from: node, to: value, value: value.name });
    }
  const places = [...drawn.keys()];
  return {
    nodes: [...drawn.values()],
    edges: edges.map(({ from, to, value }) => ({
      from: places.indexOf(from),
      to: places.indexOf(to),
      value,
    })),
    hidden: all.length - core.length,
  };
}

const isWeight = (value: Value) => value.initializer !== null || tensorOf(value) !== null;

function drawnNode(node: Node, marks: Marks): DrawnNode {
  const weights = [...new Set(inputsOf(node))].filter(isWeight);
  return {
    kind: "node",
    name: labelOf(node),
    op: node.op,
    scope: pathOf(node.scope),
    mark: marks.node(node),
    changes: marks.changes(node),
    weights: weights.map((value) => ({ ...typedWeight(value), mark: marks.weight(value) })),
  };
}

/** Returns the name and the type of a weight. */
export function typedWeight(value: Value): Omit<DrawnWeight, "mark"> {
  const { dtype = null, shape = null } = typeOfTensor(value) ?? {};
  return { name: value.name, dtype, shape };
}

const port = ({ name, scope }: Value, kind: "input" | "output"): DrawnNode => ({
  kind,
  name,
  op: "",
  scope: pathOf(scope),
  mark: "same",
  changes: [],
  weights: [],
});
