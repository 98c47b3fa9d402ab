import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { dataOf, numbersOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Scope, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Types, typeOfTensor } from "../../src/graph/types.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { type Place, Rewriter } from "../../src/onnx/renamed-nodes.ts";
import { type Dimension, showShape } from "../../src/onnx/shape.ts";

/** The branch that an If of the main graph always takes; null where that is not known. */
export function branchTaken(graph: Graph, node: Node): Scope | null {
  if (node.op !== "If" || node.scope !== graph.main) return null;
  const condition = numbersOf(graph, node.inputs[0]);
  if (condition?.length !== 1) return null;
  return bodyOf(node, condition[0] ? "then_branch" : "else_branch");
}

function bodyOf(node: Node, name: string): Scope | null {
  const message = node.message.attributes.find((each) => each.name === name)?.g;
  return node.bodies.find((body) => body.message === message) ?? null;
}

/** The opset from which Where is there. */
const WHERE = 9;

/**
 * Both branches of an If of the main graph, so that one can be chosen after both; null where their
 * outputs are known to differ in type or size.
 */
export function bothBranches(graph: Graph, types: Types, node: Node): Both | null {
  if (node.op !== "If" || node.scope !== graph.main) return null;
  const [then, other] = [bodyOf(node, "then_branch"), bodyOf(node, "else_branch")];
  if (!then || !other || (graph.file.opsets.get("") ?? 7) < WHERE) return null;
  const apart = then.outputs.some((value, k) => {
    const [a, b] = [types.get(value), types.get(other.outputs[k])];
    if (!a || a.dtype !== b?.dtype) return true;
    return a.shape !== null && b.shape !== null && !compatible(a.shape, b.shape);
  });
  return apart ? null : [then, other];
}

const compatible = (a: readonly Dimension[], b: readonly Dimension[]) =>
  a.length === b.length &&
  a.every((size, k) => typeof size === "string" || typeof b[k] === "string" || size === b[k]);

/** Throws an InputError where what is chosen from two branches has not one and the same shape. */
export function checkChosen({ main }: Graph, types: Types, chosen: ReadonlySet<string>): void {
  for (const name of chosen) {
    const { op, inputs } = main.values.get(name)!.producer!;
    const both = op === "Or" ? inputs.map((value) => value!.producer!.inputs[1]) : inputs.slice(1);
    const [then, other] = both.map((value) => types.get(value!)?.shape);
    if (then?.every((size) => typeof size === "number") && `${then}` === `${other}`) continue;
    throw new InputError(
      `the If that makes ${name} gives ${showShape(then)} or ${showShape(other)}; its gradient needs one shape, with every size.`,
    );
  }
}

type Both = readonly [then: Scope, otherwise: Scope];

/** What an If is written as: the branch that it always takes, or both, of which one is chosen. */
export type Branches = ReadonlyMap<Node, Scope | Both>;

/** Writes the nodes of branches in place of these Ifs. Changes nothing itself. */
export function withoutIf(graph: Graph, types: Types, branches: Branches): Patch {
  const { fresh } = writing(graph, "branch");
  const rewriter = new Rewriter<Node>(graph.file);
  const written: { before: Node; bytes: Uint8Array }[] = [];
  const tensors: DenseTensor[] = [];
  const put = (node: Node, body: Scope, outputs: readonly string[]) => {
    const label = node.message.name || node.message.outputs[0];
    const own = (value: Value | undefined) => value?.scope === body;
    const names = new Map<string, string>();
    const copies: (readonly [from: string, to: string])[] = [];
    const value = (name: string): string => {
      if (name === "" || !own(body.values.get(name))) return name;
      const known = names.get(name) ?? fresh(`${label}/${name}`);
      names.set(name, known);
      return known;
    };
    for (const [k, output] of body.outputs.entries()) {
      const given = outputs[k];
      if (!given) continue;
      if (output.scope === body && output.producer && !names.has(output.name))
        names.set(output.name, given);
      else copies.push([output.name, given]);
    }
    for (const each of body.values.values()) {
      if (!each.initializer) continue;
      const [type, data] = [typeOfTensor(each), dataOf(graph, each)];
      if (!type || !data)
        throw new InputError(`${label}: the sparse weight ${each.name} of its branch is not read.`);
      const dims = type.shape as readonly number[];
      tensors.push({ name: value(each.name), dtype: type.dtype, dims, data });
    }
    const place: Place<Node> = {
      value,
      node: (name) => (name === "" ? "" : fresh(`${label}/${name}`)),
      attributes: new Map(),
      defaults: new Map(),
      unfold: () => null,
    };
    for (const inner of body.nodes)
      written.push({ before: node, bytes: rewriter.node(inner, place) });
    for (const [from, to] of copies)
      written.push({ before: node, bytes: rewriter.identity(value(from), to) });
  };
  const choose = (node: Node, both: Both) => {
    const plain = (op: string, inputs: string[], output: string) =>
      written.push({ before: node, bytes: rewriter.plain(op, inputs, output) });
    const { outputs } = node.message;
    const made = both.map((body) => {
      const names = outputs.map((name) => name && fresh(`${name}.branch`));
      put(node, body, names);
      return names;
    });
    let condition = node.inputs[0]!.name;
    if (types.get(node.inputs[0]!)?.shape?.length !== 0) {
      // One element in any shape, which would add axes to what it chooses from.
      const none = fresh(`${condition}.shape`);
      tensors.push({ name: none, dtype: "int64", dims: [0], data: new Uint8Array(0) });
      const scalar = fresh(`${condition}.scalar`);
      plain("Reshape", [condition, none], scalar);
      condition = scalar;
    }
    for (const [k, output] of outputs.entries()) {
      const [then, other] = [made[0][k], made[1][k]];
      if (output && types.get(both[0].outputs[k])?.dtype !== "bool")
        plain("Where", [condition, then, other], output);
      else if (output) {
        // onnxruntime has no Where of truth values.
        const [not, left, right] = ["not", "then", "else"].map((of) => fresh(`${output}.${of}`));
        plain("Not", [condition], not);
        plain("And", [condition, then], left);
        plain("And", [not, other], right);
        plain("Or", [left, right], output);
      }
    }
  };
  for (const [node, taken] of branches)
    if ("nodes" in taken) put(node, taken, node.message.outputs);
    else choose(node, taken);
  return { nodes: [], tensors, redirects: [], removed: [...branches.keys()], written };
}
