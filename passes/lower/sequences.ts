import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Graph, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { Insertion, Patch } from "../../src/graph/patch-contents.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";

/** Writes one tensor of a sequence and returns its name. */
type Item = () => string;

/** Writes what a node reads from the tensors of a sequence; null if that is not known. */
export const SEQUENCE_READERS: Readonly<
  Record<
    string,
    (node: Node, items: readonly Item[], write: Builder, types: Types) => string | null
  >
> = {
  SequenceAt: (node, items) => {
    const at = numbersOf(node.inputs[1])?.[0];
    return at === undefined ? null : (items.at(at)?.() ?? null);
  },
  ConcatFromSequence: joined,
  SequenceLength: (_, { length }, { constant }) => constant("int64", [], [length]),
  OptionalGetElement: (_, items) => items[0]?.() ?? null,
  OptionalHasElement: (_, items, { constant }) => constant("bool", [], [items.length]),
};

/**
 * Replaces nodes that take tensors out of sequences and optional values by these tensors, if it is
 * known which they are: pieces of a split, or a list of tensors. Changes nothing itself; returns
 * null if there is none.
 */
export function withoutSequences(graph: Graph, types: Types, nodes: readonly Node[]): Patch | null {
  const write = newBuilder(graph, "sequence");
  const inserted: Insertion[] = [];
  const removed: Node[] = [];
  for (const node of nodes) {
    const output = node.outputs[0];
    const reader = own(SEQUENCE_READERS, node.op);
    if (!output || !reader) continue;
    write.about(`${output.name}.opened`, node);
    const isOptional = node.op.startsWith("Optional");
    const items = (isOptional ? optionalOf : itemsOf)(types, node.inputs[0], write);
    if (!items) continue;
    const from = write.nodes.length;
    const made = reader(node, items, write, types);
    if (made === null) continue;
    write.copy(made, output.name);
    inserted.push(...write.nodes.slice(from));
    removed.push(node);
  }
  if (removed.length === 0) return null;
  return { nodes: inserted, tensors: write.tensors, removed };
}

function joined(node: Node, items: readonly Item[], { op, to }: Builder, types: Types) {
  const asked = attribute(node, "axis")?.i ?? 0;
  const isNew = attribute(node, "new_axis")?.i === 1;
  const rank = types.get(node.outputs[0]!)?.shape?.length;
  if (items.length === 0 || (isNew && asked < 0 && rank === undefined)) return null;
  const axis = isNew ? placeOfAxis(asked, rank ?? 0) : asked;
  const parts = items.map((item) => (isNew ? to.unsqueeze(item(), [axis]) : item()));
  return op.Concat(parts, { axis });
}

/** Returns the only tensor of an optional value, or none; null if that is unknown. */
function optionalOf(types: Types, value: Value | null): readonly Item[] | null {
  const node = value?.producer;
  if (value && types.has(value)) return [() => value.name];
  if (node?.op === "Identity") return optionalOf(types, node.inputs[0]);
  if (node?.op !== "Optional") return null;
  return node.inputs[0] ? optionalOf(types, node.inputs[0]) : [];
}

/** Returns the tensors of a sequence in order; null if they are unknown. */
function itemsOf(types: Types, sequence: Value | null, write: Builder): readonly Item[] | null {
  const node = sequence?.producer;
  switch (node?.op) {
    case "Identity":
    case "Optional":
    case "OptionalGetElement":
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
    case "SequenceErase": {
      const before = itemsOf(types, node.inputs[0], write);
      const place = node.inputs[1] ? numbersOf(node.inputs[1])?.[0] : -1;
      return before && place !== undefined ? before.toSpliced(place, 1) : null;
    }
    case "SplitToSequence":
      return pieces(types, node, write);
    default:
      return null;
  }
}

function pieces(types: Types, node: Node, { to }: Builder): readonly Item[] | null {
  const [x, split] = node.inputs;
  const shape = types.get(x!)?.shape;
  const asked = attribute(node, "axis")?.i ?? 0;
  const axis = shape ? placeOfAxis(asked, shape.length) : asked;
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
