import { entry, groupBy } from "../../src/entry.ts";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { type Graph, inputsOf, type Node, type Use, type Value } from "../../src/graph/graph.ts";
import type { Patch, Redirect } from "../../src/graph/patch-contents.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { operandAt, type Plain } from "./absorb.ts";
import { editsOf, type FoldEdit, type FoldPlan, keyOf } from "./draft.ts";
import type { Factor } from "./factor.ts";
import type { Mix } from "./project.ts";
import { rowSum } from "./row-sum.ts";
import type { FoldSite } from "./sites.ts";
import { writeRowSum } from "./write-row-sum.ts";
import { factorConstant, writeSlots } from "./write-slots.ts";
import { writeWeights } from "./write-weights.ts";

/** Returns the patch of a plan. `outside` keeps changed external weights out of the model file. */
export function writeFold(
  plain: Plain,
  sites: readonly FoldSite[],
  plan: FoldPlan,
  { mixes, outside }: { readonly mixes: readonly Mix[]; readonly outside: boolean },
): Patch {
  const to = newBuilder(plain.facts.graph, "fold");
  // An output of the model keeps the name of a value that is held divided by a factor.
  const outputs = editsOf(plan.edits, "output");
  const renamed = new Map(outputs.map(({ value }) => [value, to.fresh(`${value.name}.folded`)]));
  const nameOf = (value: Value) => renamed.get(value) ?? value.name;
  const redirects = new Map<string, Redirect>();
  const redirect = (one: Redirect) => redirects.set(keyOf(one.use), one);
  const readers = [...renamed].flatMap(([{ uses }, name]) => uses.map((use) => ({ use, name })));
  for (const one of readers) if (!plain.inserted.has(one.use.node)) redirect(one);
  for (const one of slotFactors(plain, plan.edits, to, nameOf)) redirect(one);
  const weights = writeWeights(plain, plan.edits, mixes, { fresh: to.fresh, outside });
  for (const one of weights.redirects) redirect(one);
  const nameAt = (use: Use) =>
    redirects.get(keyOf(use))?.name ?? nameOf(use.node.inputs[use.index]!);
  const nodes = sites.flatMap((site) => site.nodes);
  const written = { plan, facts: plain.facts, nameOf, nameAt };
  for (const site of sites) {
    const rows = rowSum(plain, site, plan);
    if (rows) nodes.push(...writeRowSum(to, site, rows, written));
    else for (const one of writeSlots(to, site, plan, nameOf)) redirect(one);
  }
  writeOutputs(plain, outputs, to, nameOf);
  const gone = new Set(nodes);
  const changed = changedSlots([...redirects.values()], gone);
  const kept = namesRead(plain.facts.graph, to, changed);
  const unread = [...unreadTensors(gone), ...weights.unread];
  return {
    nodes: to.nodes,
    tensors: [...to.tensors, ...weights.tensors],
    values: weights.values,
    redirects: changed,
    removed: [...nodes, ...unread.filter(({ name }) => !kept.has(name))],
    attributes: attributesOf(plan.edits),
    renamed: renamedOutputs(renamed, gone),
  };
}

/** The slots that read another name than before, except those of removed nodes. */
const changedSlots = (redirects: readonly Redirect[], gone: ReadonlySet<Node>) =>
  redirects.filter(
    ({ use: { node, index }, name }) => !gone.has(node) && node.inputs[index]?.name !== name,
  );

const renamedOutputs = (renamed: ReadonlyMap<Value, string>, gone: ReadonlySet<Node>) =>
  [...renamed].flatMap(([value, name]) => {
    const node = value.producer!;
    return gone.has(node) ? [] : [{ node, index: node.outputs.indexOf(value), name }];
  });

/** Names that the written nodes and redirected slots read, and those of the model's inputs. */
const namesRead = (graph: Graph, to: Builder, changed: readonly { readonly name: string }[]) =>
  new Set([
    ...to.nodes.flatMap(({ node }) => node.inputs),
    ...changed.map(({ name }) => name),
    ...graph.file.graph.inputs.map(({ name }) => name),
  ]);

/** Muls before slots that block a factor: one for all slots of a scope that read the same. */
function slotFactors(
  plain: Plain,
  edits: readonly FoldEdit[],
  to: Builder,
  nameOf: (value: Value) => string,
): Redirect[] {
  const scopes = [...scopesOf(plain.facts.graph)];
  const groups = groupBy(
    editsOf(edits, "slot"),
    ({ use, by }) =>
      `${scopes.indexOf(use.node.scope)} ${operandAt(plain, use)!.name} ${by.values}`,
  );
  return [...groups.values()].flatMap((group) => {
    const uses = group.map(({ use }) => use);
    const [{ by }] = group;
    const value = operandAt(plain, uses[0])!;
    const first = uses.map(({ node }) => node).reduce((a, b) => (a.index < b.index ? a : b));
    to.about(`${value.name}.fold`, first);
    const name = to.op.Mul(nameOf(value), factorOf(plain, to, value, by));
    return uses.map((use) => ({ use, name }));
  });
}

/** Writes the outputs of the model that are held divided by factors, under their own names. */
function writeOutputs(
  plain: Plain,
  outputs: readonly Extract<FoldEdit, { kind: "output" }>[],
  to: Builder,
  nameOf: (value: Value) => string,
): void {
  for (const { value, by } of outputs) {
    to.about(value.name);
    to.last(value.scope);
    to.into(value.name, "Mul", [nameOf(value), factorOf(plain, to, value, by)]);
  }
}

/** A factor of a value as a constant that broadcasts over it. */
function factorOf({ facts }: Plain, to: Builder, value: Value, factor: Factor): string {
  const { dtype, shape } = facts.types.get(value)!;
  return factorConstant(to, dtype, shape?.length ?? 0, factor);
}

/** Attributes that were multiplied, each once. */
function attributesOf(edits: readonly FoldEdit[]): NonNullable<Patch["attributes"]> {
  const ofNodes = new Map<Node, Map<string, number>>();
  for (const { node, name, by, otherwise } of editsOf(edits, "attribute")) {
    const own = entry(ofNodes, node, () => new Map<string, number>());
    const before = node.message.attributes.find((each) => each.name === name)?.f ?? otherwise;
    own.set(name, (own.get(name) ?? before) * by);
  }
  return [...ofNodes].flatMap(([node, own]) =>
    [...own].map(([name, value]) => ({ node, name, value: float(value) })),
  );
}

/** Tensors that only the removed nodes read. */
function unreadTensors(gone: ReadonlySet<Node>): Value[] {
  const candidates = new Set([...gone].flatMap(inputsOf));
  return [...candidates].filter(
    (value) =>
      (value.initializer !== null || value.producer?.op === "Constant") &&
      !(value.producer && gone.has(value.producer)) &&
      !value.isOutput &&
      value.name.includes(".laurel.") &&
      value.uses.every(({ node }) => gone.has(node)),
  );
}
