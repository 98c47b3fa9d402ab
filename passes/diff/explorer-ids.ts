import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { attributeOf } from "../../src/graph/scopes.ts";
import type { FunctionMessage } from "../../src/onnx/messages.ts";

/** Where Model Explorer shows a node: the graph and the node's id in it. */
interface ExplorerId {
  readonly graph: string;
  readonly id: string;
}

/**
 * Returns the ids that Model Explorer's ONNX adapter gives the nodes of a model. A node has its name,
 * made unique; nodes of an If's branches are shown in the graph around it, those of other bodies
 * and of functions in graphs of their own.
 * @see https://github.com/justinchuby/model-explorer-onnx
 */
export function explorerIds({ main, functions }: Graph): ReadonlyMap<Node, ExplorerId> {
  const ids = new Map<Node, ExplorerId>();
  place(ids, { scope: main, graph: main.message.name || "<main>", prefix: "" }, new Map());
  for (const scope of functions) {
    const { domain, name, overload } = scope.message as FunctionMessage;
    const graph = `[function]${domain}::${name}${overload ? `::${overload}` : ""}`;
    place(ids, { scope, graph, prefix: "" }, new Map());
  }
  return ids;
}

/** A scope, the graph that shows it, and what its nodes' ids begin with. */
interface Shown {
  readonly scope: Scope;
  readonly graph: string;
  readonly prefix: string;
}

function place(
  ids: Map<Node, ExplorerId>,
  { scope, graph, prefix }: Shown,
  counts: Map<string, number>,
): void {
  const used = new Set<string>();
  const nodes = new Map(scope.nodes.map((node) => [node.message, node]));
  for (const message of scope.message.nodes) {
    const node = nodes.get(message)!;
    const id = `${prefix}${unique(message.name || "node", used, counts)}`;
    ids.set(node, { graph, id });
    for (const body of node.bodies) {
      const inner = `${id}/${attributeOf(body)}`;
      const shown =
        node.op === "If" ? { graph, prefix: `${inner}/` } : { graph: inner, prefix: "" };
      place(ids, { scope: body, ...shown }, counts);
    }
  }
}

/** Returns a name that is not used yet; the numbers of its doubles run through all bodies. */
function unique(name: string, used: Set<string>, counts: Map<string, number>): string {
  let found = name;
  while (used.has(found)) {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    found = `${name}_${count}`;
  }
  used.add(found);
  return found;
}
