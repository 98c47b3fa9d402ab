import { entry } from "../entry.ts";
import { graphsIn } from "../onnx/all-tensors.ts";
import { type Graph, type Node, outward, type Scope, type Value } from "./graph.ts";
import { hasFact } from "./operators.ts";
import { descend, walk } from "./walk.ts";

const bodiesOf = ({ bodies }: Scope) => bodies;

/** Yields the main graph and all bodies inside it: outer scopes first, in the order of nodes. */
export const scopesOf = ({ main }: Graph): Generator<Scope> => descend([main], bodiesOf);

/** Returns the nodes of the main graph and of all bodies inside it. */
export const graphNodes = (graph: Graph): Node[] =>
  [...scopesOf(graph)].flatMap(({ nodes }) => nodes);

/** Returns the values of the main graph and of all bodies inside it. */
export const graphValues = (graph: Graph): Value[] =>
  [...scopesOf(graph)].flatMap(({ values }) => [...values.values()]);

/** Returns the attribute of the owning node that holds a body: "then_branch". */
export function attributeOf({ message, owner }: Scope): string {
  const holds = (graphs: readonly unknown[]) => graphs.includes(message);
  return owner?.message.attributes.find((one) => holds(graphsIn([one])))?.name ?? "";
}

/** The names that several nodes of a scope have. */
const shared = new WeakMap<Scope, ReadonlySet<string>>();

function sharedNames({ nodes }: Scope): ReadonlySet<string> {
  const [names, several] = [new Set<string>(), new Set<string>()];
  for (const { message } of nodes) (names.has(message.name) ? several : names).add(message.name);
  return several;
}

/** Returns a node's name if it is unique in its scope, otherwise the name of its first output. */
export function labelOf({ message, scope }: Node): string {
  const { name } = message;
  if (name !== "" && !entry(shared, scope, () => sharedNames(scope)).has(name)) return name;
  return message.outputs.find((name) => name !== "") ?? message.opType;
}

/** Returns the path of a scope for people: "main", "If_25/then_branch", or a function's name. */
export function pathOf(scope: Scope): string {
  const { owner, kind, name } = scope;
  if (!owner) return kind === "main" ? "main" : name;
  const own = `${labelOf(owner)}/${attributeOf(scope)}`;
  return owner.scope.kind === "main" ? own : `${pathOf(owner.scope)}/${own}`;
}

/** Returns nodes visible from one place in their order: outer scopes first, then topological. */
export function inOrder(nodes: Iterable<Node>): Node[] {
  const ordered = [...nodes];
  // A sort costs much more than to see that a few nodes are sorted.
  const isSorted = ordered.every((node, k) => k === 0 || byOrder(ordered[k - 1], node) <= 0);
  return isSorted ? ordered : ordered.sort(byOrder);
}

const byOrder = (a: Node, b: Node): number =>
  a.scope === b.scope ? a.index - b.index : depthOf(a.scope) - depthOf(b.scope);

/** Returns the value that a name refers to in a scope; undefined if there is none. */
export const visible = (scope: Scope, name: string): Value | undefined =>
  scope.values.get(name) ?? (scope.owner ? visible(scope.owner.scope, name) : undefined);

const depthOf = (scope: Scope) => [...outward(scope)].length;

/** Returns the scope of another graph at the same position; null if there is none. */
export function scopeLike(graph: Graph, scope: Scope): Scope | null {
  const { owner } = scope;
  if (!owner) return scope.kind === "main" ? graph.main : null;
  const around = scopeLike(graph, owner.scope);
  const output = owner.outputs.find((value) => value !== null);
  const like = output && around?.values.get(output.name)?.producer;
  return like?.bodies[owner.bodies.indexOf(scope)] ?? null;
}

/** Returns the value of another graph with the same name and scope. */
export const valueLike = (graph: Graph, { scope, name }: Value): Value | null =>
  scopeLike(graph, scope)?.values.get(name) ?? null;

/** Returns a weight by its name: the main graph's, or the only initializer so named in bodies. */
export function weightNamed(graph: Graph, name: string): Value | undefined {
  const outer = graph.main.values.get(name);
  if (outer) return outer;
  const inner = [...scopesOf(graph)].flatMap(({ values }) => values.get(name) ?? []);
  return inner.length === 1 && inner[0].initializer ? inner[0] : undefined;
}

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

/** Returns the steps from the main graph or a function to a body; none to another scope. */
export function pathTo(scope: Scope): ScopeStep[] {
  const { owner } = scope;
  if (!owner) return [];
  return [...pathTo(owner.scope), stepsInto(owner).find((step) => step.scope === scope)!];
}

/** Returns every scope of a model: the graph, the functions, and their bodies. */
export const allScopes = ({ main, functions }: Graph): Generator<Scope> =>
  scopesWithin([main, ...functions]);

/** Returns the nodes of every scope of a model. */
export const allNodes = (graph: Graph): Node[] =>
  [...allScopes(graph)].flatMap(({ nodes }) => nodes);

/** Returns some scopes, and the bodies in them. */
export const scopesWithin = (scopes: readonly Scope[]): Generator<Scope> => walk(scopes, bodiesOf);

/**
 * Returns the scope that holds new weights read in a scope: the nearest enclosing body whose
 * operator does not accept new outer values, or undefined for the main graph.
 */
export function weightsScope(scope: Scope): Scope | undefined {
  const { owner } = scope;
  if (!owner) return undefined;
  return hasFact(owner.op, "search") ? scope : weightsScope(owner.scope);
}
