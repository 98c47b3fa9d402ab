import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { constants } from "../../src/graph/constants.ts";
import type { Graph, Node, Types, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { walk } from "../../src/graph/walk.ts";
import { float } from "../../src/onnx/new-node.ts";
import { asProduct, type FrozenValues, intoConvolution } from "./fewer-normalizations.ts";
import { intoLinear } from "./fewer-scales.ts";
import { gatedBy } from "./gates.ts";
import { withoutBracket } from "./site-sum.ts";

/**
 * Writes fewer or faster operators among these nodes, for the same values except for rounding.
 * `free` are weights, which are not constants. Returns null if there is nothing to write.
 */
export function withFewerOperators(
  graph: Graph,
  types: Types,
  nodes: readonly Node[],
  free: ReadonlySet<Value>,
): Patch | null {
  const write = newBuilder(graph, "fewer");
  const removed = new Set<Node>();
  const frozen = constants(graph, new Set([...free].map(({ name }) => name)));
  const known = { types, frozen };
  for (const node of nodes) {
    if (asProduct(known, write, node)) removed.add(node);
    const conv = intoConvolution(known, write, node);
    if (conv) removed.add(node).add(conv);
    for (const replaced of intoLinear(known, write, node)) removed.add(replaced);
    withHardSwish(known, write, { node, free, removed });
  }
  // Sums of sites are rewritten where nothing else is.
  if (removed.size === 0)
    for (const node of nodes)
      if (!removed.has(node))
        for (const unneeded of withoutBracket(known, write, node)) removed.add(unneeded);
  if (removed.size === 0) return null;
  return { nodes: write.nodes, tensors: write.tensors, redirects: [], removed: [...removed] };
}

interface Candidate {
  readonly node: Node;
  readonly free: ReadonlySet<Value>;
  readonly removed: Set<Node>;
}

/**
 * Writes x · HardSigmoid(x) for HardSwish as x · Clip(x + 3) / 6: two operators that keep the layout
 * of images in place of four that do not.
 */
function withHardSwish(
  { types }: FrozenValues,
  write: Builder,
  { node, free, removed }: Candidate,
): void {
  const output = node.outputs[0];
  const gated = output && types.get(output)?.dtype === "float" ? gatedBy(free, node) : null;
  if (!output || !gated?.isClip) return;
  write.about(`${output.name}.fused`, node);
  const attributes = { alpha: float(1 / 6), beta: float(0.5) };
  const gate = write.op.HardSigmoid(gated.x.name, attributes);
  write.into(output.name, "Mul", [gated.x.name, gate]);
  removed.add(node);
  for (const inner of between(gated.x, node))
    if (inner.outputs.every((value) => !value || isUnread(value, removed))) removed.add(inner);
}

const isUnread = ({ isOutput, uses }: Value, removed: ReadonlySet<Node>) =>
  !isOutput && uses.every(({ node }) => removed.has(node));

/** Returns the nodes between a value and a node that it is an input of, constants not among them. */
function between(x: Value, node: Node): Node[] {
  const makers = ({ inputs }: Node) =>
    inputs.flatMap((value) =>
      value && value !== x && value.producer && value.producer.op !== "Constant"
        ? [value.producer]
        : [],
    );
  return [...walk(makers(node), makers)];
}
