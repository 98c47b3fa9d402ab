import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Graph, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import type { Insertion, Patch } from "../../src/graph/patch-contents.ts";

/** Writes one tensor of a sequence and returns its name. */
type Item = () => string;

/**
 * Replaces nodes that take tensors out of sequences by these tensors, if the sequence's length and
 * order are known: pieces of a split, or a list of tensors. Changes nothing itself; returns null if
 * there is none.
 */
export function withoutSequences(graph: Graph, types: Types, nodes: readonly Node[]): Patch | null {
  const write = newBuilder(graph, "sequence");
  const inserted: Insertion[] = [];
  const removed: Node[] = [];
  for (const node of nodes) {
    const output = node.outputs[0];
    if (!output || !["SequenceAt", "ConcatFromSequence"].includes(node.op)) continue;
    write.about(`${output.name}.opened`, node);
    const items = itemsOf(types, node.inputs[0], write);
    if (!items) continue;
    const from = write.nodes.length;
    const made = node.op === "SequenceAt" ? chosen(node, items) : joined(node, items, write);
    if (made === null) continue;
    write.copy(made, output.name);
    inserted.push(...write.nodes.slice(from));
    removed.push(node);
  }
  if (removed.length === 0) return null;
  return { nodes: inserted, tensors: write.tensors, removed };
}

function chosen(node: Node, items: readonly Item[]): string | null {
  const at = numbersOf(node.inputs[1])?.[0];
  return at === undefined ? null : (items.at(at)?.() ?? null);
}

function joined(node: Node, items: readonly Item[], { op, to }: Builder): string | null {
  const axis = attribute(node, "axis")?.i ?? 0;
  if (items.length === 0) return null;
  const isNew = attribute(node, "new_axis")?.i === 1;
  if (isNew && axis < 0) return null;
  const parts = items.map((item) => (isNew ? to.unsqueeze(item(), [axis]) : item()));
  return op.Concat(parts, { axis });
}

/** Returns the tensors of a sequence in order; null if they are unknown. */
function itemsOf(types: Types, sequence: Value | null, write: Builder): readonly Item[] | null {
  const node = sequence?.producer;
  switch (node?.op) {
    case "Identity":
      return itemsOf(types, node.inputs[0], write);
    case "SequenceConstruct":
      return node.inputs.map((value) => () => value!.name);
    case "SequenceEmpty":
      return [];
    case "SequenceInsert": {
      const before = itemsOf(types, node.inputs[0], write);
      const place = node.inputs[2] ? numbersOf(node.inputs[2])?.[0] : before?.length;
      return before && place !== undefined
        ? before.toSpliced(place, 0, () => node.inputs[1]!.name)
        : null;
    }
    case "SplitToSequence":
      return pieces(types, node, write);
    default:
      return null;
  }
}

/** Returns the pieces of a SplitToSequence, each a Slice. */
function pieces(types: Types, node: Node, { to }: Builder): readonly Item[] | null {
  const [x, split] = node.inputs;
  const shape = types.get(x!)?.shape;
  const asked = attribute(node, "axis")?.i ?? 0;
  const axis = shape && asked < 0 ? asked + shape.length : asked;
  const size = shape?.[axis];
  const given = split ? numbersOf(split) : [1];
  if (typeof size !== "number" || !given) return null;
  const scalar = !split || types.get(split)?.shape?.length === 0;
  const count = scalar ? Math.ceil(size / given[0]) : given.length;
  const ends = scalar
    ? Array.from({ length: count }, (_, k) => Math.min(size, (k + 1) * given[0]))
    : given.map((_, k) => given.slice(0, k + 1).reduce((a, b) => a + b, 0));
  const squeezed = !split && attribute(node, "keepdims")?.i === 0;
  return ends.map((end, k) => () => {
    const piece = to.slice(x!.name, [k === 0 ? 0 : ends[k - 1]], [end], [axis]);
    return squeezed ? to.squeeze(piece, [axis]) : piece;
  });
}
