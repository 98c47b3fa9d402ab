import type { Graph, Node, Scope } from "../graph/graph.ts";
import type { Patch, Port, Slot } from "../graph/patch-contents.ts";
import { allScopes, type ScopeStep } from "../graph/scopes.ts";
import { elements } from "../onnx/dtypes.ts";
import { type Attributes, type DenseTensor, plainNode } from "../onnx/new-node.ts";

/** A value to expose, and its data type; null if that is unknown. */
export interface ExposedValue {
  readonly name: string;
  readonly dtype: string | null;
}

type Parts = "nodes" | "inputs" | "outputs" | "nodeInputs" | "nodeOutputs" | "attributes";
export type ExposeDraft = { readonly graph: Graph; readonly fresh: () => string } & {
  readonly [K in Parts]: NonNullable<Patch[K]>[number][];
};

/**
 * Makes values of the entered scope outputs of it and of the enclosing node. Returns the names of
 * the node's new outputs; null if the operator cannot expose values.
 */
type ExposeFrom = (
  to: ExposeDraft,
  step: ScopeStep,
  values: readonly ExposedValue[],
) => string[] | null;

/** A loop exposes the values of all its iterations, stacked. */
export const ALL_ITERATIONS: Readonly<Record<string, ExposeFrom>> = {
  If(to, { node, scope }, values) {
    for (const { name, dtype } of values)
      for (const body of node.bodies)
        if (body === scope) output(to, body, { name, dtype });
        else if (dtype === null) return null;
        else output(to, body, { name: empty(to, body, dtype), dtype });
    return results(to, node, node.bodies[0].outputs.length, values);
  },
  Loop(to, { node, scope }, values) {
    for (const value of values) output(to, scope, value);
    return results(to, node, scope.outputs.length - 1, values);
  },
  Scan(to, { node, scope }, values) {
    for (const value of values) output(to, scope, value);
    for (const { name, ints } of node.message.attributes)
      if (name === "scan_output_axes" || name === "scan_output_directions") {
        const outputs = to.outputs.filter((each) => each.scope === scope).length;
        const before = to.attributes.findIndex((each) => each.node === node && each.name === name);
        if (before >= 0) to.attributes.splice(before, 1);
        to.attributes.push({ node, name, value: [...ints, ...new Array<number>(outputs).fill(0)] });
      }
    return results(to, node, scope.outputs.length, values);
  },
};

/** A Loop exposes the value of the first iteration that computes it; a Scan still stacks all. */
export const FIRST_ITERATION: Readonly<Record<string, ExposeFrom>> = {
  ...ALL_ITERATIONS,
  Loop(to, { node, scope }, values) {
    const carried = Math.max(0, node.message.inputs.length - 2);
    for (const { name, dtype } of values) {
      if (dtype === null) return null;
      const [start, before, after] = [empty(to, node.scope, dtype, node), to.fresh(), to.fresh()];
      to.nodeInputs.push({ node, index: 2 + carried, name: start });
      to.inputs.push({ name: before, type: { dtype, shape: null }, scope });
      addFirst(to, scope, { name, dtype }, { before, after });
      output(to, scope, { name: after, dtype }, 1 + carried);
    }
    return results(to, node, carried, values);
  },
};

/** Adds a function's new outputs to every call of it. */
export function exposeFromCall(
  to: ExposeDraft,
  { node, scope }: ScopeStep,
  values: readonly ExposedValue[],
): string[] {
  for (const value of values) output(to, scope, value);
  const place = scope.outputs.length;
  const names = results(to, node, place, values);
  for (const around of allScopes(to.graph))
    for (const other of around.nodes)
      if (other.callee === scope && other !== node) results(to, other, place, values);
  return names;
}

/** A node to add at the end of a scope, or before a node of it. */
interface Added {
  readonly op: string;
  readonly inputs?: readonly string[];
  readonly attributes?: Attributes;
  readonly before?: Node | null;
}

/** Adds a node to a scope; returns its output. */
export function addNode(
  to: ExposeDraft,
  scope: Scope,
  { op, inputs = [], attributes = {}, before = null }: Added,
): string {
  const name = to.fresh();
  to.nodes.push({ before, scope, node: plainNode(op, inputs, [name], { name, attributes }) });
  return name;
}

function output(
  { outputs }: ExposeDraft,
  scope: Scope,
  { name, dtype }: ExposedValue,
  index?: number,
): void {
  const type = dtype === null ? null : { dtype, shape: null };
  outputs.push({ name, type, scope, index } satisfies Port);
}

/** Adds outputs to a node, before the one at `index`. */
function results(
  to: ExposeDraft,
  node: Node,
  index: number,
  values: readonly ExposedValue[],
): string[] {
  return values.map(() => {
    const name = to.fresh();
    to.nodeOutputs.push({ node, index, name } satisfies Slot);
    return name;
  });
}

const constant = (tensor: Omit<DenseTensor, "name">): Attributes => ({
  value: { tensor: { name: "", ...tensor } },
});

/**
 * Returns an empty tensor. Before opset 11, both branches of an If must have one rank: inference
 * knows none of what a Loop hands on.
 */
function empty(to: ExposeDraft, scope: Scope, dtype: string, before: Node | null = null): string {
  const fixed = (type: string, dims: readonly number[]) => {
    const tensor = { dtype: type, dims, data: new Uint8Array(8 * elements(dims)) };
    return addNode(to, scope, { op: "Constant", attributes: constant(tensor), before });
  };
  const none = fixed(dtype, [0]);
  if ((to.graph.file.opsets.get("") ?? ANY_RANK) >= ANY_RANK) return none;
  const types = [
    { dtype: "int64", shape: [] },
    { dtype: "bool", shape: [] },
    { dtype, shape: null },
  ];
  const inputs = types.map((type) => ({ name: to.fresh(), type }));
  const outputs = inputs.slice(1).map(({ type }) => ({ name: to.fresh(), type }));
  const nodes = outputs.map(({ name }, k) => identity(inputs[k + 1].name, name));
  const attributes = { body: { graph: { name: to.fresh(), nodes, inputs, outputs } } };
  const operands = [fixed("int64", []), "", none];
  return addNode(to, scope, { op: "Loop", inputs: operands, attributes, before });
}

const identity = (from: string, name: string) => plainNode("Identity", [from], [name], { name });

/** The first opset in which the branches of an If may have values of several ranks. */
const ANY_RANK = 11;

/** Adds nodes that compute `after`: `before`, or the value itself while `before` is empty. */
function addFirst(
  to: ExposeDraft,
  scope: Scope,
  value: { readonly name: string; readonly dtype: string },
  { before, after }: Readonly<Record<"before" | "after", string>>,
): void {
  const zero = constant({ dtype: "int64", dims: [], data: new Uint8Array(8) });
  const count = addNode(to, scope, { op: "Size", inputs: [before] });
  const nothing = addNode(to, scope, { op: "Constant", attributes: zero });
  const none = addNode(to, scope, { op: "Equal", inputs: [count, nothing] });
  const branch = (from: string) => {
    const name = to.fresh();
    const type = { dtype: value.dtype, shape: null };
    return { graph: { name, nodes: [identity(from, name)], outputs: [{ name, type }] } };
  };
  const attributes = { then_branch: branch(value.name), else_branch: branch(before) };
  const node = plainNode("If", [none], [after], { name: after, attributes });
  to.nodes.push({ before: null, scope, node });
}
