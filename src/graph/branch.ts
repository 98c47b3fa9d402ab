import { dataOf, numbersOf } from "./constants.ts";
import type { Graph, Node, Scope, Value } from "./graph.ts";
import { InputError } from "./graph.ts";
import type { Patch } from "./patch.ts";
import { type Place, Rewriter } from "./rewrite.ts";
import type { DenseTensor } from "./tensor.ts";
import { typeOfTensor } from "./types.ts";
import { writing } from "./writing.ts";

/** The branch that an If of the main graph always takes; null where that is not known. */
export function branchTaken(graph: Graph, node: Node): Scope | null {
  if (node.op !== "If" || node.scope !== graph.main) return null;
  const condition = numbersOf(graph, node.inputs[0]);
  if (condition?.length !== 1) return null;
  const name = condition[0] ? "then_branch" : "else_branch";
  const message = node.message.attributes.find((each) => each.name === name)?.g;
  return node.bodies.find((body) => body.message === message) ?? null;
}

/** Writes the branches that are always taken in place of these Ifs. Changes nothing itself. */
export function withoutIf(graph: Graph, taken: ReadonlyMap<Node, Scope>): Patch {
  const { fresh } = writing(graph, "branch");
  const rewriter = new Rewriter(graph.file);
  const written: { before: Node; bytes: Uint8Array }[] = [];
  const tensors: DenseTensor[] = [];
  for (const [node, body] of taken) {
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
      const given = node.message.outputs[k];
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
    const place: Place = {
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
  }
  return { nodes: [], tensors, redirects: [], removed: [...taken.keys()], written };
}
