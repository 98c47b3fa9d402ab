import { graphsIn } from "../onnx/all-tensors.ts";
import type { Graph, Node, Scope } from "./graph.ts";
import { bodiesIn, walk } from "./walk.ts";

/** One step into a model: a node, and the body or called function that is entered. */
export interface ScopeStep {
  readonly node: Node;
  readonly scope: Scope;
  /** "then_branch", "body", or the function's name. */
  readonly part: string;
}

/** Returns the steps into a node: its bodies by their attributes, or the function that it calls. */
export function stepsInto(node: Node): ScopeStep[] {
  if (node.callee) return [{ node, scope: node.callee, part: `function ${node.callee.name}` }];
  const parts = node.message.attributes.flatMap((one) => graphsIn([one]).map(() => one.name));
  return node.bodies.map((scope, k) => ({ node, scope, part: parts[k] }));
}

/**
 * Returns the steps from the main graph, or from a function's graph, to a body; none if the scope
 * is not a body.
 */
export function pathTo(scope: Scope): ScopeStep[] {
  const { owner } = scope;
  if (!owner) return [];
  return [...pathTo(owner.scope), stepsInto(owner).find((step) => step.scope === scope)!];
}

/** Returns every scope of a model: the graph, the functions, and their bodies. */
export const allScopes = ({ main, functions }: Graph): Generator<Scope> =>
  scopesWithin([main, ...functions]);

/** Returns some scopes, and the bodies in them. */
export const scopesWithin = (scopes: readonly Scope[]): Generator<Scope> => walk(scopes, bodiesIn);
