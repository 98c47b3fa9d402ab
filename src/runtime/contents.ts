import onnxProto from "onnx-proto";
import { tensorOf } from "../graph/constants.ts";
import type { Graph, Node, Scope, Value } from "../graph/graph.ts";
import type { Frame } from "../onnx/decode.ts";
import { FIELD, type SparseTensorMessage, type TensorMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { attributeDifferences } from "./attributes.ts";
import { type Counterpart, NUMBERED } from "./counterparts.ts";
import { type Finding, placeOf, titleOf } from "./finding.ts";
import { functionDifferences } from "./functions.ts";
import { bodiesOf } from "./inside.ts";
import { equalRanges, tensorDifference } from "./same-tensor.ts";
import { wiringDifferences } from "./wiring.ts";

const { onnx } = onnxProto;

const NAMES = 3;
const METADATA = { model: FIELD.modelMetadata, graph: 16, node: 9 };

/** What of a model is changed or lost in another, by name, and what is there beyond it. */
export function contentDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  return [
    ...metadataDifferences(a, b, pairs),
    ...opsetDifferences(a.file, b.file),
    ...weightDifferences(a, b, pairs),
    ...pairs.flatMap((pair) => attributeDifferences(a.file, b.file, pair)),
    ...wiringDifferences(a, b, pairs),
    ...functionDifferences(a, b),
    ...nodeCounts(a, b, pairs),
  ];
}

function metadataDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const findings: Finding[] = [];
  const look = (x: readonly Frame[], y: readonly Frame[], number: number, of: string) => {
    const left = entries(a.file, x, number);
    const right = entries(b.file, y, number);
    const note = (key: string, what: string, harmless: boolean) =>
      findings.push({ kind: "metadata", where: `metadata entry ${key}${of}`, what, harmless });
    for (const [key, value] of left)
      if (!right.has(key)) note(key, "is lost in the second", false);
      else if (right.get(key) !== value) note(key, "has another value in the second", false);
    for (const key of right.keys()) if (!left.has(key)) note(key, "is new in the second", true);
  };
  look([a.file.message.frame], [b.file.message.frame], METADATA.model, "");
  const graphs = ({ message }: ModelFile) => message.graphs.map(({ frame }) => frame);
  look(graphs(a.file), graphs(b.file), METADATA.graph, " of the graph");
  for (const { a: x, b: y } of pairs)
    look(
      [x.message.frame],
      [y.message.frame],
      METADATA.node,
      ` of node ${titleOf(x)}${placeOf(x.scope)}`,
    );
  return findings;
}

function entries({ reader }: ModelFile, frames: readonly Frame[], number: number) {
  const found = new Map<string, string>();
  for (const frame of frames)
    for (const field of reader.fields(frame)) {
      if (field.number !== number) continue;
      const bytes = reader.bytes({ start: field.body, end: field.end });
      const { key, value } = onnx.StringStringEntryProto.decode(bytes);
      found.set(key, value);
    }
  return found;
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
    .map((where) => ({
      kind: "opset",
      where,
      what: `is ${x.get(where) ?? "absent"} in the first, ${y.get(where) ?? "absent"} in the second`,
      harmless: !x.has(where),
    }));
}

function weightDifferences(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const partners = new Map(pairs.map((pair) => [pair.a, pair.b]));
  const findings: Finding[] = [];
  const unmatched: string[] = [];
  let common = 0;
  const note = (where: string, what: string, harmless: boolean) =>
    findings.push({ kind: "weight", where, what, harmless });
  for (const value of a.main.values.values()) {
    const { name } = value;
    const x = weightOf(value);
    if (!x) continue;
    const twin = namesake(value, b, partners);
    const y = weightOf(twin);
    if (!y) {
      unmatched.push(name);
      continue;
    }
    common++;
    const what = weightDifference(a.file, x, b.file, y);
    const also = twin!.name === name ? "" : ` (${twin!.name} in the second)`;
    if (what) note(`weight ${name}${also}`, what, false);
  }
  for (const [x, y] of bodiesOf(pairs))
    for (const [name, { initializer }] of x.values) {
      const other = y.values.get(name)?.initializer;
      if (!initializer || !other) continue;
      const what = weightDifference(a.file, initializer, b.file, other);
      if (what) note(`weight ${name}${placeOf(x)}`, what, false);
    }
  const others = [...b.main.values.values()].filter(weightOf).length - common;
  // As many others are the same under other names.
  const lost = unmatched.length > others;
  if (unmatched.length > 0)
    note(
      "weights:",
      `${unmatched.length} of the first have no namesake in the second (${some(unmatched)})`,
      !lost,
    );
  if (others > 0) note("weights:", `${others} of the second have no namesake in the first`, true);
  return findings;
}

function weightDifference(
  a: ModelFile,
  x: TensorMessage | SparseTensorMessage,
  b: ModelFile,
  y: TensorMessage | SparseTensorMessage,
): string | null {
  if (!("values" in x) && !("values" in y)) return tensorDifference(a, x, b, y);
  return equalRanges(a, x.frame, b, y.frame) ? null : "differs";
}

/** The value of the same name; where that is a mere number, the one that the same node reads. */
function namesake(value: Value, b: Graph, partners: ReadonlyMap<Node, Node>): Value | undefined {
  const same = b.main.values.get(value.name);
  if (!NUMBERED.test(value.name) || value.uses.length === 0) return same;
  for (const { node, index } of value.uses) {
    const inputs = partners.get(node)?.inputs ?? [];
    if (same && inputs.includes(same)) return same;
    const other = inputs[index];
    if (other && NUMBERED.test(other.name) && !node.inputs.some((it) => it?.name === other.name))
      return other;
  }
  return undefined;
}

const weightOf = (value: Value | undefined) => value?.initializer ?? tensorOf(value);

/** The first few of some names. */
const some = (names: readonly string[]) =>
  names.length <= NAMES ? names.join(", ") : `${names.slice(0, NAMES).join(", ")}, …`;

/**
 * Nodes by operator, counted: where a node is merely renamed or renumbered, nothing is said, and
 * what has become another operator is told for itself.
 */
function nodeCounts(a: Graph, b: Graph, pairs: readonly Counterpart[]): Finding[] {
  const told = new Set(pairs.filter((it) => it.a.op !== it.b.op).flatMap((it) => [it.a, it.b]));
  const counts = new Map<string, number>();
  const count = (scope: Scope, by: number): void => {
    for (const node of scope.nodes) {
      const { op, bodies } = node;
      if (!told.has(node)) counts.set(op, (counts.get(op) ?? 0) + by);
      for (const body of bodies) count(body, by);
    }
  };
  for (const scope of [a.main, ...a.functions]) count(scope, -1);
  for (const scope of [b.main, ...b.functions]) count(scope, 1);
  const list = (sign: number) =>
    [...counts]
      .filter(([, by]) => by * sign > 0)
      .map(([op, by]) => `${by * sign} ${op}`)
      .join(", ");
  const [more, fewer] = [list(1), list(-1)];
  const sides = [more && `${more} more`, fewer && `${fewer} fewer`].filter(Boolean);
  return sides.length === 0
    ? []
    : [
        {
          kind: "node",
          where: "nodes:",
          what: `${sides.join("; ")} in the second`,
          harmless: fewer === "",
        },
      ];
}
