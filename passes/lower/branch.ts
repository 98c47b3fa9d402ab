import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { dataOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Types, typeOfTensor } from "../../src/graph/types.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { Rewriter } from "../../src/onnx/renamed-nodes.ts";
import type { Both } from "./if-branches.ts";
import { innerNames } from "./inner-names.ts";

/**
 * What replaces an If: the branch that it always takes, or both branches and a choice between them.
 */
type Branches = ReadonlyMap<Node, Scope | Both>;

/** The patch under construction. */
interface Draft {
  readonly graph: Graph;
  readonly types: Types;
  readonly fresh: (name: string) => string;
  readonly rewriter: Rewriter<Node>;
  readonly written: { readonly before: Node; readonly bytes: Uint8Array }[];
  readonly tensors: DenseTensor[];
}

/** Returns a patch that replaces these Ifs by the nodes of their branches. */
export function withoutIf(graph: Graph, types: Types, branches: Branches): Patch {
  const { fresh } = writing(graph, "branch");
  const rewriter = new Rewriter<Node>(graph.file);
  const draft: Draft = { graph, types, fresh, rewriter, written: [], tensors: [] };
  for (const [node, taken] of branches)
    if ("nodes" in taken) writeBranch(draft, node, taken, node.message.outputs);
    else chooseAfterBoth(draft, node, taken);
  const { tensors, written } = draft;
  return { nodes: [], tensors, redirects: [], removed: [...branches.keys()], written };
}

/** Writes a branch's nodes and weights before its If, with new names for its outputs. */
function writeBranch(
  { graph, fresh, rewriter, written, tensors }: Draft,
  node: Node,
  body: Scope,
  outputs: readonly string[],
): void {
  const label = node.message.name || node.message.outputs[0];
  const { value, copies } = innerNames({
    outputs: body.outputs.map(({ name }, k) => [name, outputs[k] ?? ""]),
    makes: (name) => body.values.get(name)?.producer?.scope === body,
    rename: (name) => (body.values.get(name)?.scope === body ? fresh(`${label}/${name}`) : null),
  });
  for (const weight of body.values.values()) {
    if (!weight.initializer) continue;
    const [type, data] = [typeOfTensor(weight), dataOf(graph, weight)];
    if (!type || !data)
      throw new InputError(
        `${label}: the sparse weight ${weight.name} of its branch is not supported.`,
      );
    const dims = type.shape as readonly number[];
    tensors.push({ name: value(weight.name), dtype: type.dtype, dims, data });
  }
  const place = {
    value,
    node: (name: string) => (name === "" ? "" : fresh(`${label}/${name}`)),
    attributes: new Map<string, Uint8Array>(),
    defaults: new Map<string, Uint8Array>(),
    unfold: () => null,
  };
  for (const inner of body.nodes)
    written.push({ before: node, bytes: rewriter.node(inner, place) });
  for (const [from, to] of copies())
    written.push({ before: node, bytes: rewriter.identity(from, to) });
}

/** Writes both branches before their If, and the choice between their outputs. */
function chooseAfterBoth(draft: Draft, node: Node, both: Both): void {
  const { types, fresh, rewriter, written } = draft;
  const write = (op: string, inputs: string[], output: string) =>
    written.push({ before: node, bytes: rewriter.plain(op, inputs, output) });
  const { outputs } = node.message;
  const [then, otherwise] = both.map((body) => {
    const names = outputs.map((name) => name && fresh(`${name}.branch`));
    writeBranch(draft, node, body, names);
    return names;
  });
  const condition = scalarCondition(draft, node, write);
  for (const [k, output] of outputs.entries())
    if (output && types.get(both[0].outputs[k])?.dtype !== "bool")
      write("Where", [condition, then[k], otherwise[k]], output);
    else if (output) {
      // onnxruntime does not have Where for booleans.
      const [not, left, right] = ["not", "then", "else"].map((of) => fresh(`${output}.${of}`));
      write("Not", [condition], not);
      write("And", [condition, then[k]], left);
      write("And", [not, otherwise[k]], right);
      write("Or", [left, right], output);
    }
}

/**
 * Reshapes the condition to a scalar, because a condition of higher rank would add axes to the
 * result.
 */
function scalarCondition(
  { types, fresh, tensors }: Draft,
  { inputs: [condition] }: Node,
  write: (op: string, inputs: string[], output: string) => void,
): string {
  const { name } = condition!;
  if (types.get(condition!)?.shape?.length === 0) return name;
  const none = fresh(`${name}.shape`);
  tensors.push({ name: none, dtype: "int64", dims: [0], data: new Uint8Array(0) });
  const scalar = fresh(`${name}.scalar`);
  write("Reshape", [name, none], scalar);
  return scalar;
}
