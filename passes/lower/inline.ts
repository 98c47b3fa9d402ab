import { newBuilder } from "../../src/graph/builder.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { changedBetween } from "../../src/graph/opset-changes.ts";
import type { Patch, WrittenBefore } from "../../src/graph/patch-contents.ts";
import { labelOf, pathOf, scopesOf } from "../../src/graph/scopes.ts";
import type { FunctionMessage } from "../../src/onnx/messages.ts";
import type { WrittenNode } from "../../src/onnx/new-node.ts";
import { type NodeRenaming, Rewriter, UNCHANGED } from "../../src/onnx/renamed-nodes.ts";
import { innerNodes } from "./inner-nodes.ts";

/** The result of inlining calls of the model's own functions. */
export interface Inlined {
  readonly patch: Patch;
  /** The inlined calls, outer ones first, by their paths: "pair", "pair/inner0". */
  readonly calls: readonly string[];
  /** The call that each value now replaces. */
  readonly callOf: ReadonlyMap<string, string>;
}

type Wanted = (call: Node, label: string) => boolean;

interface Inlining {
  readonly graph: Graph;
  readonly takes: Wanted;
  readonly rewriter: Rewriter<Node>;
  readonly fresh: (name: string) => string;
  readonly calls: string[];
  readonly callOf: Map<string, string>;
  readonly opsets: Record<string, number>;
}

/**
 * Inlines the requested calls, nested ones too. Skips a function whose operators mean something
 * else in the model. Returns null if there is no call to inline.
 */
export function inlined(graph: Graph, wanted: Wanted): Inlined | null {
  const { fresh } = newBuilder(graph, "inlined");
  const inlining: Inlining = {
    graph,
    takes: (node, label) =>
      node.callee !== null && misfitOf(node.callee) === null && wanted(node, label),
    rewriter: new Rewriter<Node>(graph.file),
    fresh,
    calls: [],
    callOf: new Map(),
    opsets: {},
  };
  const removed: Node[] = [];
  const written: WrittenBefore[] = [];
  for (const scope of scopesOf(graph))
    for (const node of scope.nodes) {
      const label = scope.owner ? `${pathOf(scope)}/${labelOf(node)}` : labelOf(node);
      if (!inlining.takes(node, label)) continue;
      removed.push(node);
      for (const inner of unfold(inlining, node, label, UNCHANGED))
        written.push({ before: node, node: inner });
    }
  if (removed.length === 0) return null;
  const { calls, callOf, opsets } = inlining;
  const patch = { removed, written, opsets };
  return { patch, calls, callOf };
}

function unfold(
  inlining: Inlining,
  call: Node,
  label: string,
  around: NodeRenaming<Node>,
): WrittenNode[] {
  const { rewriter, fresh, calls, callOf, opsets } = inlining;
  const { nodes } = call.callee!;
  const message = call.callee!.message as FunctionMessage;
  calls.push(label);
  for (const { domain, version } of message.opsets) opsets[domain] ??= version;
  const outer = (slots: readonly string[], k: number) => around.value(slots[k] ?? "");
  const given = message.inputs.map((name, k) => [name, outer(call.message.inputs, k)] as const);
  const outputs = message.outputs.map((name, k) => [name, outer(call.message.outputs, k)] as const);
  for (const [, name] of outputs) if (name !== "") callOf.set(name, label);
  const rename = (name: string) => {
    const renamed = fresh(`${label}/${name}`);
    callOf.set(renamed, label);
    return renamed;
  };
  const values = { given, outputs, makes: () => true, rename };
  return innerNodes(nodes, { rewriter, fresh, label }, values, (place) => ({
    attributes: rewriter.attributes(call, around),
    defaults: rewriter.defaults(message),
    unfold: (node) => {
      const inner = `${label}/${labelOf(node)}`;
      return inlining.takes(node, inner) ? unfold(inlining, node, inner, place) : null;
    },
  }));
}

/** Returns why a function's operators mean something else in the model, as a clause; or null. */
export function misfitOf(callee: Scope): string | null {
  const { file } = callee;
  for (const { domain, version } of (callee.message as FunctionMessage).opsets) {
    const own = file.opsets.get(domain) ?? version;
    const name = domain || "ai.onnx";
    const why =
      domain === ""
        ? changedBetween(callee, version, own)
        : own === version || file.message.functions.some((one) => one.domain === domain)
          ? null
          : "these may differ";
    if (why !== null)
      return `it imports ${name} ${version}, but the model imports ${name} ${own} (${why})`;
  }
  return null;
}
