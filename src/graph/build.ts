import { InputError } from "../errors.ts";
import { graphsIn } from "../onnx/all-tensors.ts";
import { emptyModel } from "../onnx/encode.ts";
import type { FunctionMessage, GraphMessage, NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { openBytes } from "../onnx/open-file.ts";
import { listFrom, withOne } from "../onnx/short-lists.ts";
import { called, type Graph, type Node, outward, type Scope, type Value } from "./graph.ts";
import { isKnownOperator } from "./operators.ts";
import { sorted } from "./order.ts";
import { scopesWithin, visible } from "./scopes.ts";
import { derived, scopesIn } from "./walk.ts";

/** Links a model's nodes to their values, in time linear in their number. */
export function buildGraph(file: ModelFile): Graph {
  const main = scopeOf(file, "main", file.graph, null);
  const functions = file.message.functions.map((f) => scopeOf(file, "function", f, null));
  linkCalls(main, functions);
  const names = new Set<string>();
  for (const { nodes, values } of scopesWithin([main, ...functions])) {
    for (const name of values.keys()) names.add(name);
    for (const { message } of nodes) if (message.name) names.add(message.name);
  }
  return { file, main, functions, names };
}

function scopeOf(
  file: ModelFile,
  kind: Scope["kind"],
  message: GraphMessage | FunctionMessage,
  owner: Node | null,
): Scope {
  const scope: Scope = {
    file,
    kind,
    name: message.name,
    message,
    owner,
    nodes: [],
    bodies: [],
    inputs: [],
    outputs: [],
    values: new Map(),
  };
  defineInputs(scope);
  const nodes = message.nodes.map((each) => nodeOf(scope, each));
  for (const node of nodes) {
    const from = { producer: node, initializer: null };
    node.outputs = listFrom(node.message.outputs, (name) =>
      name === "" ? null : define(scope, name, from),
    );
  }
  for (const node of nodes) connect(node);
  for (const node of sorted(file, nodes)) {
    scope.nodes.push(node);
    scope.bodies.push(...node.bodies);
  }
  for (const name of message.outputs.map(nameOf)) {
    const value = visible(scope, name);
    if (!value)
      throw refused(
        file,
        `output ${name} of graph ${scope.name || "(unnamed)"} is not made by any node; the model is damaged`,
      );
    value.isOutput = true;
    scope.outputs.push(value);
  }
  return scope;
}

/** Adds a value to a scope. Throws an InputError if its name cannot be used there. */
function define(scope: Scope, name: string, from: Pick<Value, "producer" | "initializer">): Value {
  const { file, owner } = scope;
  const graph = scope.name || "(unnamed)";
  if (name === "")
    throw refused(
      file,
      `an input or weight of graph ${graph} has no name, which means "absent" in ONNX; the model is damaged`,
    );
  if (name.includes("\0"))
    throw refused(
      file,
      `a value of graph ${graph} is named "${name}", a name that onnxruntime's JavaScript API cannot use for inputs and outputs; rename it`,
    );
  if (scope.values.has(name)) throw twice(file, name);
  // onnxruntime lets only an input of a body shadow an outer value.
  if (owner && (from.producer || from.initializer) && visible(owner.scope, name))
    throw refused(
      file,
      `value ${name} of graph ${graph}, a body of ${owner.message.name || owner.op}, has the name of an outer value, which only an input of a body may have; rename one of them`,
    );
  const { producer, initializer } = from;
  const value: Value = { name, scope, producer, initializer, uses: EMPTY, isOutput: false };
  scope.values.set(name, value);
  return value;
}

function defineInputs(scope: Scope): void {
  const { file, message } = scope;
  const graph = "initializers" in message ? message : null;
  for (const initializer of graph?.initializers ?? [])
    define(scope, initializer.name, { producer: null, initializer });
  for (const initializer of graph?.sparseInitializers ?? [])
    define(scope, initializer.values?.name ?? "", { producer: null, initializer });
  for (const name of message.inputs.map(nameOf)) {
    const known = scope.values.get(name);
    if (known && !known.initializer) throw twice(file, name);
    if (!known) scope.inputs.push(define(scope, name, { producer: null, initializer: null }));
  }
}

const nameOf = (it: { readonly name: string } | string) => (typeof it === "string" ? it : it.name);

const refused = ({ source }: ModelFile, why: string) => new InputError(`${source.name}: ${why}.`);

const twice = (file: ModelFile, name: string) =>
  refused(file, `value ${name} is defined twice, which ONNX forbids; the model is damaged`);

/** A node while it is linked. */
type Linked = { -readonly [K in keyof Node]: Node[K] };

function nodeOf(scope: Scope, message: NodeMessage): Linked {
  const { domain, opType } = message;
  const op = domain === "" ? opType : `${domain}.${opType}`;
  const lists = { inputs: EMPTY, outputs: EMPTY, bodies: EMPTY };
  return { message, scope, op, ...lists, captures: NONE, callee: null, index: -1 };
}

const NONE: ReadonlySet<Value> = new Set();
const EMPTY = Object.freeze([]) as unknown as never[];

function connect(node: Linked): void {
  const { scope, message } = node;
  node.inputs = listFrom(message.inputs, (name, index) => {
    if (name === "") return null;
    const value = visible(scope, name);
    if (!value)
      throw refused(
        scope.file,
        `node ${called(node)} (${node.op}) reads ${name}, which does not exist; the model is damaged or its weights are missing`,
      );
    value.uses = withOne(value.uses, { node, index });
    if (value.scope !== scope) capture(scope, value);
    return value;
  });
  const bodies = graphsIn(message.attributes);
  if (bodies.length > 0)
    node.bodies = bodies.map((graph) => scopeOf(scope.file, "body", graph, node));
  for (const body of node.bodies)
    for (const output of body.outputs) if (output.scope !== body) capture(body, output);
}

/** Notes on every node from `scope` out to the value's scope that its bodies read the value. */
function capture(scope: Scope, value: Value): void {
  for (const inner of outward(scope)) {
    if (inner === value.scope) return;
    const { owner } = inner;
    if (owner?.captures === NONE) owner.captures = new Set();
    (owner?.captures as Set<Value> | undefined)?.add(value);
  }
}

/** Maximum depth of nested calls. */
const MAX_CALLS = 200;

/** Maximum number of nodes after all calls are inlined, as onnxruntime does. */
const MAX_INLINED = 100_000;

/**
 * Links every node that calls one of the model's own functions to the body of that function. A
 * function that is named as an operator is never called: onnxruntime runs the operator.
 */
function linkCalls(main: Scope, functions: readonly Scope[]): void {
  if (functions.length === 0) return;
  const { file } = main;
  const key = (domain: string, name: string, overload: string) => `${domain}\0${name}\0${overload}`;
  const bodies = new Map(
    functions.map((scope) => {
      const { domain, name, overload } = scope.message as FunctionMessage;
      return [key(domain, name, overload), scope];
    }),
  );
  const linked = derived<Scope, number>(
    (scope, nodesIn, depth) => {
      if (depth > MAX_CALLS)
        throw refused(
          file,
          `functions call one another more than ${MAX_CALLS} deep; inline the model's functions first`,
        );
      let inlined = 0;
      for (const node of scope.nodes) {
        const { domain, opType, overload } = node.message;
        const body = bodies.get(key(domain, opType, overload)) ?? null;
        node.callee = body && isKnownOperator(node.op) ? null : body;
        for (const inner of scopesIn(node)) inlined += nodesIn(inner);
      }
      return inlined + scope.nodes.length;
    },
    ({ name }) => {
      throw refused(
        file,
        `function ${name} calls itself, which ONNX forbids; the model is damaged`,
      );
    },
  );
  for (const scope of functions) linked(scope);
  if (linked(main) - main.nodes.length > MAX_INLINED)
    throw refused(
      file,
      `the calls of its functions come to more than ${MAX_INLINED} nodes once they are inlined, as onnxruntime does; export it without functions`,
    );
}

const IR_VERSION = 8;

/** Returns an empty model to write into. */
export const emptyGraph = (name: string, opset: number): Graph =>
  buildGraph(openBytes(emptyModel(name, IR_VERSION, opset)));
