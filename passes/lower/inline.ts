import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { changedBetween } from "../../src/graph/opset-changes.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { labelOf, pathOf, scopesOf } from "../../src/graph/scopes.ts";
import type { FunctionMessage } from "../../src/onnx/messages.ts";
import { type Place, Rewriter } from "../../src/onnx/renamed-nodes.ts";

/** Calls of the model's own functions with the functions' bodies in their place. */
export interface Inlined {
  readonly patch: Patch;
  /** The calls, outer ones first, by the way to them: "pair", "pair/inner0". */
  readonly calls: readonly string[];
  /** The call that each value now stands in for. */
  readonly callOf: ReadonlyMap<string, string>;
}

/**
 * Writes the bodies of functions in place of the calls that are wanted, calls inside them too
 * where these are. A function whose operators mean something else in the model is left alone. Null
 * where there is no such call.
 */
export function inlined(
  graph: Graph,
  wanted: (call: Node, label: string) => boolean,
): Inlined | null {
  const calls: string[] = [];
  const callOf = new Map<string, string>();
  const opsets: Record<string, number> = {};
  const taken = new Set<string>();
  const fresh = (name: string) => {
    let free = name;
    for (let k = 1; graph.names.has(free) || taken.has(free); k++) free = `${name}_${k}`;
    taken.add(free);
    return free;
  };
  const takes = (node: Node, label: string) =>
    node.callee !== null && fits(graph, node.callee) && wanted(node, label);

  /** The nodes that a call becomes. */
  const unfold = (call: Node, label: string, around: Place<Node>): Uint8Array[] => {
    const { message, nodes } = call.callee!;
    const { inputs, outputs, opsets: imports } = message as FunctionMessage;
    calls.push(label);
    for (const { domain, version } of imports) opsets[plain(domain)] ??= version;
    const names = new Map(
      inputs.map((name, k) => [name, around.value(call.message.inputs[k] ?? "")]),
    );
    const copies: (readonly [from: string, to: string])[] = [];
    for (const [k, name] of outputs.entries()) {
      const given = around.value(call.message.outputs[k] ?? "");
      if (given !== "") callOf.set(given, label);
      if (given === "") continue;
      if (names.has(name)) copies.push([names.get(name)!, given]);
      else names.set(name, given);
    }
    const value = (name: string): string => {
      if (name === "") return "";
      const known = names.get(name);
      if (known !== undefined) return known;
      const made = fresh(`${label}/${name}`);
      names.set(name, made);
      callOf.set(made, label);
      return made;
    };
    const place: Place<Node> = {
      value,
      node: (name) => (name === "" ? "" : fresh(`${label}/${name}`)),
      attributes: rewriter.attributes(call, around),
      defaults: rewriter.defaults(message as FunctionMessage),
      unfold: (node) => within(node, label, place),
    };
    return [
      ...nodes.flatMap((node) => within(node, label, place) ?? [rewriter.node(node, place)]),
      ...copies.map(([from, to]) => rewriter.identity(from, to)),
    ];
  };
  const within = (node: Node, label: string, place: Place<Node>): Uint8Array[] | null => {
    const inner = `${label}/${labelOf(node)}`;
    return takes(node, inner) ? unfold(node, inner, place) : null;
  };
  const rewriter = new Rewriter<Node>(graph.file);
  const here: Place<Node> = {
    value: (name) => name,
    node: (name) => name,
    attributes: new Map(),
    defaults: new Map(),
    unfold: () => null,
  };
  const removed: Node[] = [];
  const written: { readonly before: Node; readonly bytes: Uint8Array }[] = [];
  for (const scope of scopesOf(graph))
    for (const node of scope.nodes) {
      const label = scope.owner ? `${pathOf(scope)}/${labelOf(node)}` : labelOf(node);
      if (!takes(node, label)) continue;
      removed.push(node);
      for (const bytes of unfold(node, label, here)) written.push({ before: node, bytes });
    }
  if (removed.length === 0) return null;
  const patch = { nodes: [], tensors: [], redirects: [], removed, written, opsets };
  return { patch, calls, callOf };
}

const plain = (domain: string) => (domain === "ai.onnx" ? "" : domain);

/**
 * Why the body of a function cannot stand in the model itself, a clause: its operators mean something
 * else there. Null if it can.
 */
export function misfitOf({ file }: Graph, callee: Scope): string | null {
  for (const { domain, version } of (callee.message as FunctionMessage).opsets) {
    const own = file.opsets.get(plain(domain)) ?? version;
    const name = plain(domain) || "ai.onnx";
    const why =
      plain(domain) === ""
        ? changedBetween(callee, version, own)
        : own === version || file.message.functions.some((one) => one.domain === domain)
          ? null
          : "these may differ";
    if (why !== null)
      return `it imports ${name} ${version} and the model imports ${name} ${own} (${why})`;
  }
  return null;
}

const fits = (graph: Graph, callee: Scope) => misfitOf(graph, callee) === null;
