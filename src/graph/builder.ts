import { type Attributes, type DenseTensor, type NewNode, plainNode } from "../onnx/new-node.ts";
import type { Graph, Node, Scope } from "./graph.ts";
import { type Emit, nodeOf, type Ops, opsOver } from "./ops.ts";
import type { Insertion } from "./patch-contents.ts";
import { type Constant, type Portable, portable } from "./portable.ts";
import { encodeNumbers } from "./tensor.ts";

/** Writes new nodes and tensors; values are identified by their names. */
export interface Builder {
  readonly op: Ops<string>;
  /** Operators whose form changed between opsets, in the model's form. */
  readonly to: Portable<string>;
  readonly constant: Constant<string>;
  /** Writes a node of any operator: "Add", or with its domain "com.microsoft.Gelu". */
  readonly custom: (
    op: string,
    inputs: readonly (string | null)[],
    attributes?: Attributes,
    outputs?: number,
  ) => string[];
  /** Writes a tensor under a name that is fresh. */
  readonly tensor: (
    tensor: Omit<DenseTensor, "data"> & { readonly data: ArrayLike<number> },
  ) => void;
  readonly nodes: readonly Insertion[];
  readonly tensors: readonly DenseTensor[];
  /** Returns a name that no value or node has yet: this one, or with a number appended. */
  readonly fresh: (name: string) => string;
  /** Names the next nodes "label.Mul", "label.Mul_1"; moves the insertion point if one is given. */
  readonly about: (label: string, before?: Node | null) => void;
  /** Multiplies into a value of this name. */
  readonly product: (a: string, b: string, name: string) => void;
  /** Moves the place to the end of a scope. */
  readonly last: (scope: Scope) => void;
  /** Writes a node of another model: its operator, and attributes that may be encoded. */
  readonly node: (node: NewNode) => void;
  /** Writes a tensor of another model, encoded, under a name that is fresh. */
  readonly weight: (tensor: DenseTensor) => void;
  /** Returns the nodes that are written meanwhile, which go into a body instead. */
  readonly body: (write: () => void) => NewNode[];
  /** Gives a value another, unused name. */
  readonly copy: (from: string, to: string) => void;
}

/** Starts writing into a graph, before a node or at the end of the main graph. Changes nothing. */
export function newBuilder(graph: Graph, label: string, before: Node | null = null): Builder {
  const nodes: Insertion[] = [];
  const tensors: DenseTensor[] = [];
  const fresh = uniqueNames(graph.names);
  const constant = constantsInto(tensors, (values) =>
    fresh(`${label}.${values.length === 1 ? values[0] : "constant"}`),
  );
  let subject = label;
  let place = before;
  let end: Scope | undefined;
  const node: Builder["node"] = (node) => {
    nodes.push({ before: place, scope: end, node });
  };
  const plain = (op: string, inputs: readonly string[], name: string) =>
    node(plainNode(op, inputs, [name], { name }));
  const emit: Emit<string> = (call) => {
    const made = nodeOf(call, fresh, `${subject}.${call.op}`);
    node(made);
    return made.outputs;
  };
  const op = opsOver(emit);
  return {
    body: (write) => writtenBy(write, nodes),
    op,
    to: portable(op, graph.file.opsets.get("") ?? 7, constant),
    constant,
    custom(name, inputs, attributes = {}, outputs = 1) {
      const op = name.slice(name.lastIndexOf(".") + 1);
      const domain = name.slice(0, -op.length - 1);
      const made = nodeOf({ op, inputs, attributes, outputs }, fresh, `${subject}.${op}`);
      node(domain === "" ? made : { ...made, domain });
      return [...made.outputs];
    },
    tensor({ data, ...stated }) {
      tensors.push({ ...stated, data: encodeNumbers(stated.dtype, data) });
    },
    nodes,
    tensors,
    fresh,
    about(next, at = place) {
      [subject, place] = [next, at];
    },
    product: (a, b, name) => plain("Mul", [a, b], name),
    last(scope) {
      [place, end] = [null, scope];
    },
    node,
    weight(tensor) {
      tensors.push(tensor);
    },
    copy: (from, name) => plain("Identity", [from], name),
  };
}

/** Takes out the nodes that are written meanwhile. */
function writtenBy(write: () => void, nodes: Insertion[]): NewNode[] {
  const from = nodes.length;
  write();
  return nodes.splice(from).map(({ node }) => node);
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
): Constant<string> {
  const constants = new Map<string, string>();
  return (dtype, dims, values) => {
    const key = `${dtype} ${dims} ${Array.prototype.join.call(values)}`;
    const known = constants.get(key);
    if (known !== undefined) return known;
    const name = nameOf(values);
    tensors.push({ name, dtype, dims, data: encodeNumbers(dtype, values) });
    constants.set(key, name);
    return name;
  };
}
