import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Graph, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import { own, rows } from "../../src/graph/own.ts";
import type { Insertion, Patch } from "../../src/graph/patch-contents.ts";
import { behind, walk } from "../../src/graph/walk.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";

/** Writes one tensor of a sequence and returns its name. */
type Item = () => string;

/** Writes what a node reads from the tensors of a sequence or optional value; null if that is not known. */
type Reader = (node: Node, items: readonly Item[], write: Builder, types: Types) => string | null;

const SEQUENCES: Readonly<Record<string, Reader>> = {
  SequenceAt: (node, items) => {
    const at = numbersOf(node.inputs[1])?.[0];
    return at === undefined ? null : (items.at(at)?.() ?? null);
  },
  ConcatFromSequence: joined,
  SequenceLength: (_, { length }, { constant }) => constant("int64", [], [length]),
};

const OPTIONALS: Readonly<Record<string, Reader>> = {
  OptionalGetElement: (_, items) => items[0]?.() ?? null,
  OptionalHasElement: (_, items, { constant }) => constant("bool", [], [items.length]),
};

/** The operators that read from sequences and optional values. */
export const SEQUENCE_READERS = { ...SEQUENCES, ...OPTIONALS };

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
    const [input] = node.inputs;
    if (!output || !reader || !input) continue;
    write.about(`${output.name}.opened`, node);
    const isOptional = Object.hasOwn(OPTIONALS, node.op);
    const items = isOptional ? optionalOf(types, input) : itemsOf(types, input, write);
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
function optionalOf(types: Types, value: Value): readonly Item[] | null {
  const isPassed = ({ op, outputs: [made] }: Node) =>
    (op === "Identity" || op === "Optional") && !types.has(made!);
  const origin = behind(value, isPassed);
  if (types.has(origin)) return [() => origin.name];
  return origin.producer?.op === "Optional" ? [] : null;
}

const same = (_: Node, before: readonly Item[]) => before;

/** The tensors of the sequence that a node makes of another one's. */
const CHANGES: Readonly<
  Record<string, (node: Node, before: readonly Item[]) => readonly Item[] | null>
> = {
  ...rows(same, "Identity Optional OptionalGetElement"),
  SequenceInsert({ inputs: [, tensor, at] }, before) {
    const place = at ? numbersOf(at)?.[0] : before.length;
    return place === undefined ? null : before.toSpliced(place, 0, () => tensor!.name);
  },
  SequenceErase({ inputs: [, at] }, before) {
    const place = at ? numbersOf(at)?.[0] : -1;
    return place === undefined ? null : before.toSpliced(place, 1);
  },
};

/** The tensors of the sequence that a node makes of tensors. */
const STARTS: Readonly<
  Record<string, (node: Node, types: Types, write: Builder) => readonly Item[] | null>
> = {
  SequenceConstruct: ({ inputs }) => inputs.map((value) => () => value!.name),
  SequenceEmpty: () => [],
  SplitToSequence: pieces,
};

/** Returns the tensors of a sequence in order; null if they are unknown. */
function itemsOf(types: Types, sequence: Value, write: Builder): readonly Item[] | null {
  const before = ({ producer: node }: Value) =>
    node?.inputs[0] && own(CHANGES, node.op) ? [node.inputs[0]] : [];
  const [start, ...changes] = [...walk([sequence], before)]
    .map(({ producer }) => producer)
    .reverse();
  let items = (start && own(STARTS, start.op)?.(start, types, write)) ?? null;
  for (const node of changes) items = items && CHANGES[node!.op](node!, items);
  return items;
}

function pieces(node: Node, types: Types, { to }: Builder): readonly Item[] | null {
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
