import { InputError } from "../../src/errors.ts";
import { constants } from "../../src/graph/constants.ts";
import {
  type Graph,
  type Node,
  outputsOf,
  type Scope,
  type Types,
  titleOf,
  type Value,
} from "../../src/graph/graph.ts";
import { operandsThat } from "../../src/graph/operators.ts";
import { applyPatch } from "../../src/graph/patch.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import { derived, scopesIn } from "../../src/graph/walk.ts";
import { type Model, modelOf, typesOf } from "../../src/model.ts";
import type { Undo } from "../../src/onnx/undo.ts";
import type { Ort } from "../../src/ort/session.ts";
import { isComputed, NotLowered } from "../lower/composite.ts";
import { lowering } from "../lower/index.ts";
import { type Inlined, inlined, misfitOf } from "../lower/inline.ts";
import { sumIn } from "../residuals/index.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";
import { type Rejection, rejection, type Site } from "../residuals/residual.ts";

/** A model in which functions and composite nodes with residual connections are lowered. */
export interface LoweredModel {
  readonly model: Model;
  /** The calls that were inlined, by their paths. */
  readonly calls: readonly string[];
  /** The composite nodes that were lowered after that. */
  readonly nodes: readonly Node[];
  /** The model that contains these nodes. */
  readonly composed: Model;
  /** The steps back to the original model, last step first. */
  readonly undos: readonly Undo[];
}

/** A model in which functions with sums are inlined, and its composite nodes that hide sums. */
export interface Composed {
  readonly model: Model;
  readonly inlined: Inlined | null;
  /** The step back to the original model, if calls were inlined. */
  readonly undos: readonly Undo[];
  /** Nodes with a hidden sum that can be lowered. */
  readonly hidden: readonly Node[];
  /** Nodes with a hidden sum that cannot be lowered, or whose sum adds a constant. */
  readonly refused: readonly Rejection[];
}

/** A model with what was lowered in it. */
export interface Lowered {
  readonly lowered: LoweredModel;
  /** The composite node that each new value replaces. */
  readonly within: ReadonlyMap<string, Node>;
}

/** The calls to inline by their paths, and the composite nodes to lower by their first outputs. */
interface Needed {
  readonly calls: ReadonlySet<string>;
  readonly nodes: ReadonlySet<string>;
}

const firstOf = ({ outputs }: Node) => outputs.find(Boolean)!;
const keyOf = (node: Node) => firstOf(node).name;

/** Inlines calls of functions with sums, all or only the `needed`; finds the nodes that hide sums. */
export async function composed(
  model: Model,
  ort: Ort,
  needed: Needed["calls"] | null = null,
): Promise<Composed> {
  const holds = holder();
  const calling = inlined(model.graph, ({ callee }, label) => needed?.has(label) ?? holds(callee!));
  const inner = calling ? await withUndo(model, calling.patch) : { model, undos: [] };
  const nodes = hiddenSums(inner.model.graph);
  const refused = nodes.length > 0 ? await refusals(inner.model, ort, nodes) : [];
  const isRefused = new Set(refused.map(({ node }) => node));
  const hidden = nodes.filter((node) => !isRefused.has(node));
  return { ...inner, inlined: calling, hidden, refused };
}

/** Lowers the nodes that hide sums: all, or only the `needed`. */
export async function lowerHidden(
  { model, inlined, undos, hidden }: Composed,
  ort: Ort,
  needed: Needed["nodes"] | null = null,
): Promise<Lowered> {
  const nodes = hidden.filter((node) => needed?.has(keyOf(node)) ?? true);
  const before = { model, composed: model, calls: inlined?.calls ?? [], nodes, undos };
  if (nodes.length === 0) return { lowered: before, within: new Map() };
  const { types } = await typesOf(model, ort);
  const { patch, within } = lowering(model.graph, types, nodes);
  const outer = await withUndo(model, patch);
  return { lowered: { ...before, ...outer, undos: [...outer.undos, ...undos] }, within };
}

/** Returns the model with a patch, and the step back. */
async function withUndo(
  model: Model,
  patch: Patch,
): Promise<Pick<LoweredModel, "model" | "undos">> {
  const changed = await applyPatch(model.graph, patch);
  return { model: modelOf(changed), undos: [changed.undo()] };
}

/** Returns those of the nodes with a hidden sum that are not lowered, with the reasons. */
async function refusals(model: Model, ort: Ort, hidden: readonly Node[]): Promise<Rejection[]> {
  const { graph } = model;
  const { types } = await typesOf(model, ort);
  const fixed = constants(graph);
  return hidden.flatMap((node) => {
    const reason = addsConstant(types, fixed, node) ?? notLowered(graph, types, node);
    return reason ? [rejection(node, firstOf(node), reason)] : [];
  });
}

const QUANTIZED = "com.microsoft.QLinearAdd";

/** Whether a node holds a sum whose summands are not all its inputs, so that it must be lowered. */
const hidesSum = (node: Node) =>
  node.op === QUANTIZED || isComputed(node, operandsThat(node.op, "added")?.[0] ?? -1);

/** Returns the reason why no sum of a node is a site: it adds a constant of fewer elements. */
function addsConstant(
  types: Types,
  fixed: ReadonlySet<Value>,
  { op, inputs, outputs }: Node,
): Reason | null {
  const added = inputs[operandsThat(op, "added")?.[0] ?? -1];
  if (!added || !fixed.has(added)) return null;
  const [own, sum] = [types.get(added)?.shape, outputs[0] && types.get(outputs[0])?.shape];
  return own && sum && own.length < sum.length ? reasons.bias(added) : null;
}

/** Returns nodes that hold a sum without slots for it. Refuses one that lacks an operand. */
function hiddenSums(graph: Graph): Node[] {
  const hidden = graphNodes(graph).filter(hidesSum);
  for (const node of hidden)
    for (const index of node.op === QUANTIZED ? [0, 1, 3, 4, 6] : [])
      if (!node.inputs[index])
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} lacks ${[0, 3].includes(index) ? "an operand" : "a scale"} (input ${index}); the model is damaged.`,
        );
  return hidden;
}

/** Whether a function's body holds a sum, in its calls and bodies too. */
const holder = () =>
  derived<Scope, boolean>(
    ({ nodes }, holds) =>
      nodes.some(
        (node) => sumIn(node, new Map()) !== null || scopesIn(node).some((one) => holds(one)),
      ),
    () => false,
  );

/** Returns why a node cannot be lowered; null if it can. */
function notLowered(graph: Graph, types: Types, node: Node): Reason | null {
  try {
    lowering(graph, types, [node]);
    return null;
  } catch (error) {
    if (error instanceof NotLowered) return reasons.notLowered(error.message);
    throw error;
  }
}

/** Returns calls with sums that cannot be inlined: their operators mean something else here. */
export function closedCalls(graph: Graph): Rejection[] {
  const holds = holder();
  const misfit = (callee: Scope): Reason | null => {
    const why = misfitOf(callee);
    if (why !== null) return reasons.closedFunction(callee.name, why);
    for (const { callee: inner } of callee.nodes) {
      const reason = inner && holds(inner) ? misfit(inner) : null;
      if (reason) return reason;
    }
    return null;
  };
  return graphNodes(graph).flatMap((node) => {
    const output = node.outputs.find(Boolean);
    const reason = node.callee && holds(node.callee) ? misfit(node.callee) : null;
    return reason && output ? [rejection(node, output, reason)] : [];
  });
}

/** Returns what the sites' nodes and slots need to have inlined and lowered. */
export const neededBy = (sites: readonly Site[], { inlined }: Composed): Needed => ({
  calls: inlined ? callsWith(sites, inlined) : new Set(),
  nodes: new Set(sites.flatMap(({ within }) => (within ? [keyOf(within)] : []))),
});

/** Returns the calls to inline for these sites, by path: those around a slot of a site. */
function callsWith(sites: readonly Site[], { calls, callOf }: Inlined): ReadonlySet<string> {
  const direct = new Set<string>();
  const add = (node: Node) => {
    for (const { name } of outputsOf(node)) {
      const call = callOf.get(name);
      if (call !== undefined) direct.add(call);
    }
  };
  for (const { node, within, skip, branches } of sites) {
    if (within) add(within);
    for (const slot of [node, skip.use.node, ...branches.map(({ use }) => use.node)]) add(slot);
  }
  const encloses = (label: string) => (call: string) =>
    call === label || call.startsWith(`${label}/`);
  return new Set(calls.filter((label) => [...direct].some(encloses(label))));
}

/** The sums that two searches rejected: in what is needed, and in all that was lowered. */
interface Rejected {
  readonly some: readonly Rejection[];
  readonly all: readonly Rejection[];
}

/**
 * Returns the rejected sums that are there if only what is needed is lowered. Of a node that no site
 * needs to have lowered, they are what became of its sum when it was.
 */
export function rejectedOf({ some, all }: Rejected, whole: Composed, needed: Needed): Rejection[] {
  const isLowered = ({ within }: Rejection) => within === null || needed.nodes.has(keyOf(within));
  const isThere = ({ output }: Rejection) => {
    const call = whole.inlined?.callOf.get(output.name);
    return call === undefined || needed.calls.has(call);
  };
  return [
    ...some.filter((one) => !hidesSum(one.node) && isLowered(one)),
    ...whole.refused,
    ...all.flatMap((one) => (isLowered(one) ? [] : [atNode(one.within!, one)])),
  ].filter(isThere);
}

const atNode = (node: Node, { reason: text, code, kind }: Rejection): Rejection => ({
  ...rejection(node, firstOf(node), { text, code }),
  kind,
});
