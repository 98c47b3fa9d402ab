import { entry } from "../entry.ts";
import { type Attributes, type DenseTensor, type NewNode, plainNode } from "../onnx/new-node.ts";
import type { Graph, Node, Scope } from "./graph.ts";
import { type Emit, nodeOf, opsOver } from "./ops.ts";
import type { Insertion } from "./patch-contents.ts";
import { type Constant, portable } from "./portable.ts";
import { encodeNumbers } from "./tensor.ts";

/** Writes new nodes and tensors; values are identified by their names. */
export type Builder = ReturnType<typeof newBuilder>;

/** Starts writing into a graph, before a node or at the end of the main graph. Changes nothing. */
export function newBuilder(graph: Graph, label: string, before: Node | null = null) {
  const { named, ...writer } = nodeWriter(graph, label, before);
  const tensors: DenseTensor[] = [];
  const constant = constantsInto(tensors, (values) =>
    writer.fresh(`${label}.${values.length === 1 ? values[0] : "constant"}`),
  );
  const emit: Emit = (call) => {
    const node = named(call);
    writer.node(node);
    return node.outputs;
  };
  const op = opsOver(emit);
  return {
    ...writer,
    op,
    /** Operators whose form changed between opsets, in the model's form. */
    to: portable(op, graph.file.opset, constant),
    constant,
    /** Writes a node of any operator: "Add", or with its domain "com.microsoft.Gelu". */
    custom(
      name: string,
      inputs: readonly (string | null)[],
      attributes: Attributes = {},
      outputs = 1,
    ): string[] {
      const [, domain, op] = /^(?:(.*)\.)?(.*)$/.exec(name)!;
      const node = named({ op, inputs, attributes, outputs });
      writer.node(domain ? { ...node, domain } : node);
      return [...node.outputs];
    },
    /** Writes a tensor under a name that is fresh. */
    tensor({ data, ...stated }: Omit<DenseTensor, "data"> & { readonly data: ArrayLike<number> }) {
      tensors.push({ ...stated, data: encodeNumbers(stated.dtype, data) });
    },
    /** Writes a tensor of another model, encoded, under a name that is fresh. */
    weight(tensor: DenseTensor) {
      tensors.push(tensor);
    },
    tensors: tensors as readonly DenseTensor[],
  };
}

/** Writes nodes at a place of a graph, which can be moved. */
function nodeWriter({ names }: Graph, label: string, before: Node | null) {
  const nodes: Insertion[] = [];
  const fresh = uniqueNames(names);
  let [subject, place, end]: [string, Node | null, Scope?] = [label, before];
  const node = (one: NewNode) => void nodes.push({ before: place, scope: end, node: one });
  return {
    nodes: nodes as readonly Insertion[],
    /** Writes a node of another model: its operator, and attributes that may be encoded. */
    node,
    /** Returns a name that no value or node has yet: this one, or with a number appended. */
    fresh,
    named: (call: Parameters<typeof nodeOf>[0]) => nodeOf(call, fresh, `${subject}.${call.op}`),
    /** Names the next nodes "label.Mul", "label.Mul_1"; moves the place if one is given. */
    about(next: string, at = place) {
      [subject, place] = [next, at];
    },
    /** Moves the place to the end of a scope. */
    last(scope: Scope) {
      [place, end] = [null, scope];
    },
    /** Writes an operator of ai.onnx whose output, and whose node, have this name. */
    into: (name: string, op: string, inputs: readonly string[], attributes: Attributes = {}) =>
      node(plainNode(op, inputs, [name], { name, attributes })),
    /** Gives a value another, unused name. */
    copy: (from: string, name: string) => node(plainNode("Identity", [from], [name], { name })),
    /** Returns the nodes that are written meanwhile, which go into a body instead. */
    body(write: () => void): NewNode[] {
      const from = nodes.length;
      write();
      return nodes.splice(from).map((insertion) => insertion.node);
    },
  };
}

/**
 * Returns what makes names that are not among these, each once: "name", "name_1". A NUL, which the
 * name of a node may contain, would end a value's name in onnxruntime's JavaScript API.
 */
export function uniqueNames(present: ReadonlySet<string> = new Set()): (name: string) => string {
  const taken = new Set<string>();
  const numbers = new Map<string, number>();
  return (asked) => {
    const name = asked.replaceAll("\0", "_");
    let free = name;
    for (let k = numbers.get(name) ?? 1; present.has(free) || taken.has(free); k++) {
      free = `${name}_${k}`;
      numbers.set(name, k + 1);
    }
    taken.add(free);
    return free;
  };
}

/** Adds constants to the tensors, each once. */
function constantsInto(
  tensors: DenseTensor[],
  nameOf: (values: ArrayLike<number>) => string,
): Constant {
  const constants = new Map<string, string>();
  return (dtype, dims, values) => {
    const key = `${dtype} ${dims} ${Array.prototype.join.call(values)}`;
    return entry(constants, key, () => {
      const name = nameOf(values);
      tensors.push({ name, dtype, dims, data: encodeNumbers(dtype, values) });
      return name;
    });
  };
}
