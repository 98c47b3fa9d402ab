import { listed } from "../figures.ts";
import type { Graph, Scope, Types } from "../graph/graph.ts";
import { allNodes, graphNodes, scopesOf } from "../graph/scopes.ts";
import type { Framed } from "../onnx/decode.ts";
import { FIELD, type FunctionMessage, type OpsetMessage } from "../onnx/messages.ts";
import { entriesIn, type ModelFile } from "../onnx/model-file.ts";
import { attributeDifferences } from "./attributes.ts";
import { descriptionDifferences } from "./descriptions.ts";
import { type Finding, finding, placeOf, titleIn } from "./finding.ts";
import { likeCounterparts } from "./like-counterparts.ts";
import { bodiesOf, type Counterpart, functionName, NUMBERED, sameFunctions } from "./matching.ts";
import { type WeightTwins, weightDifference, weightTwins } from "./weight-twins.ts";
import { wiringDifferences } from "./wiring.ts";

/** Returns what another model has changed or lost, by name, and what it has in addition. */
export function contentDifferences(
  a: Graph,
  b: Graph,
  named: readonly Counterpart[],
  types: Types,
): Finding[] {
  const pairs = [...named, ...likeCounterparts(a, b, named)];
  const weights = weightTwins(a, b, pairs);
  const counts = nodeCounts(a, b, pairs);
  return [
    ...metadataDifferences(a, b, pairs),
    ...opsetDifferences(a.file, b.file),
    ...descriptionDifferences(a, b, pairs, types),
    ...weightDifferences(weights),
    ...pairs.flatMap(attributeDifferences),
    ...wiringDifferences(a, b, pairs, weights.twins),
    ...functionDifferences(a, b),
    ...counts,
    ...(counts.some(({ harmless }) => !harmless) ? [] : lostNodes(a, pairs)),
    ...orderDifferences(a, b, pairs),
  ];
}

/** Returns functions that only one of two models has, or whose inputs or imports differ. */
function functionDifferences(a: Graph, b: Graph): Finding[] {
  const pairs = sameFunctions(a, b);
  const shared = new Set(pairs.flat());
  const note = (scope: Scope, what: string, harmless = false) =>
    finding("function", `function ${functionName(scope)}`, what, harmless);
  const only = ({ functions }: Graph, which: "first" | "second") =>
    functions
      .filter((scope) => !shared.has(scope))
      .map((scope) => note(scope, `is only in the ${which}`, which === "second"));
  const changed = pairs.flatMap(([x, y]) =>
    (["inputs", "outputs", "opsets"] as const).flatMap((kind) => {
      const [one, other] = [x, y].map(({ message }) => joined((message as FunctionMessage)[kind]));
      const what = `has the ${kind} ${one} in the first, ${other} in the second`;
      return one === other ? [] : [note(x, what)];
    }),
  );
  return [...only(a, "first"), ...only(b, "second"), ...changed];
}

const joined = (entries: readonly (string | OpsetMessage)[]) =>
  entries
    .map((each) =>
      typeof each === "string" ? each : `${each.domain || "ai.onnx"} ${each.version}`,
    )
    .join(", ") || "none";

/** Returns nodes of the first model without a counterpart in the second. */
function lostNodes(a: Graph, pairs: readonly Counterpart[]): Finding[] {
  const paired = new Set(pairs.map((pair) => pair.a));
  return graphNodes(a)
    .filter((node) => !paired.has(node) && !(node.scope.owner && !paired.has(node.scope.owner)))
    .map((node) => finding("node", titleIn(node), "has no counterpart in the second"));
}

function metadataDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const findings: Finding[] = [];
  const look = (x: readonly Framed[], y: readonly Framed[], number: number, of: string) => {
    const left = new Map(x.flatMap((one) => [...entriesIn(a.file, one, number)]));
    const right = new Map(y.flatMap((one) => [...entriesIn(b.file, one, number)]));
    const note = (key: string, what: string, harmless: boolean) =>
      findings.push(finding("metadata", `metadata entry ${key}${of}`, what, harmless));
    for (const [key, value] of left)
      if (!right.has(key)) note(key, "is lost in the second", false);
      else if (right.get(key) !== value) note(key, "has another value in the second", false);
    for (const key of right.keys()) if (!left.has(key)) note(key, "is new in the second", true);
  };
  look([a.file.message], [b.file.message], FIELD.modelMetadata, "");
  look(a.file.message.graphs, b.file.message.graphs, FIELD.graphMetadata, " of the graph");
  for (const { a: x, b: y } of pairs)
    look([x.message], [y.message], FIELD.nodeMetadata, ` of ${titleIn(x)}`);
  return findings;
}

function opsetDifferences(a: ModelFile, b: ModelFile): Finding[] {
  const facts = ({ message, opsets }: ModelFile) =>
    new Map([
      ["ir_version", message.irVersion],
      ...[...opsets].map(([domain, version]) => [`opset ${domain || "ai.onnx"}`, version] as const),
    ]);
  const [x, y] = [facts(a), facts(b)];
  return [...new Set([...x.keys(), ...y.keys()])]
    .filter((name) => x.get(name) !== y.get(name))
    .map((where) => {
      const [before, after] = [x, y].map((all) => all.get(where) ?? "absent");
      const what = `is ${before} in the first, ${after} in the second`;
      return finding("opset", where, what, !x.has(where));
    });
}

/**
 * Counts nodes by operator, because renamed or renumbered nodes are not differences, and replaced
 * operators are reported on their own.
 */
function nodeCounts(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const told = new Set(pairs.filter((it) => it.a.op !== it.b.op).flatMap((it) => [it.a, it.b]));
  const counts = new Map<string, number>();
  const count = (graph: Graph, by: number): void => {
    for (const node of allNodes(graph))
      if (!told.has(node)) counts.set(node.op, (counts.get(node.op) ?? 0) + by);
  };
  count(a, -1);
  count(b, 1);
  const list = (sign: number) =>
    [...counts]
      .filter(([, by]) => by * sign > 0)
      .map(([op, by]) => `${by * sign} ${op}`)
      .join(", ");
  const [more, fewer] = [list(1), list(-1)];
  const sides = [more && `${more} more`, fewer && `${fewer} fewer`].filter(Boolean);
  if (sides.length === 0) return [];
  return [finding("node", "nodes:", `${sides.join("; ")} in the second`, fewer === "")];
}

/** Returns the scopes whose nodes are in topological order in the first model alone. */
function orderDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const counterpart = new Map<Scope, Scope>([
    [b.main, a.main],
    ...[...bodiesOf(pairs), ...sameFunctions(a, b)].map(([x, y]) => [y, x] as const),
  ]);
  return [...scopesOf(b)].flatMap((scope): Finding[] => {
    const early = tooEarly(scope);
    const before = counterpart.get(scope);
    if (!early || (before && tooEarly(before))) return [];
    const { node, reads } = early;
    const where = `node ${node.name || node.outputs[0]} (${node.opType})${placeOf(scope)}`;
    const what = `comes before the node that makes ${reads} in the second, which ONNX forbids`;
    return [finding("node", where, what)];
  });
}

/** Returns the first node that stands before one whose value it reads; null if there is none. */
function tooEarly({ message, nodes }: Scope) {
  const linked = new Map(nodes.map((node) => [node.message, node]));
  const later = new Set(message.nodes.flatMap(({ outputs }) => outputs));
  later.delete("");
  for (const node of message.nodes) {
    const captured = [...(linked.get(node)?.captures ?? [])].map(({ name }) => name);
    const reads = [...node.inputs, ...captured].find((name) => later.has(name));
    if (reads !== undefined) return { node, reads };
    for (const output of node.outputs) later.delete(output);
  }
  return null;
}

const NAMES = 3;

/** Returns weights that the second model has lost or changed, and how many it has in addition. */
function weightDifferences({ twins, lost, added }: WeightTwins): Finding[] {
  const findings: Finding[] = [];
  const note = (where: string, what: string, harmless: boolean, subject?: string) =>
    findings.push({ ...finding("weight", where, what, harmless), ...(subject ? { subject } : {}) });
  for (const [value, twin] of twins) {
    const what = weightDifference(value, twin);
    const renamed = twin.name !== value.name;
    const also = renamed ? ` (${twin.name} in the second)` : "";
    const where = `weight ${value.name}${placeOf(value.scope)}`;
    if (what) note(`${where}${also}`, what, false, value.name);
    else if (renamed && !(NUMBERED.test(value.name) && NUMBERED.test(twin.name)))
      note(where, `is named ${twin.name} in the second`, false, value.name);
  }
  if (lost.length > 0) {
    const named = lost.map(({ name }) => name);
    const what = `${lost.length} of the first are lost in the second (${listed(named, NAMES)})`;
    note("weights:", what, false);
  }
  if (added.length > 0)
    note("weights:", `${added.length} of the second have no counterpart in the first`, true);
  return findings;
}
