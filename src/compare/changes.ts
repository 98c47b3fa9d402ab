import type { Scope } from "../graph/graph.ts";
import { attributeOf } from "../graph/scopes.ts";
import { equalBytes as sameContent } from "../onnx/bytes.ts";
import { type Frame, partsOf } from "../onnx/decode.ts";
import {
  type AttributeMessage,
  FIELD,
  type GraphMessage,
  type NodeMessage,
} from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { annotationsFollow, devicesOf, NOTES, renaming } from "../onnx/operand-notes.ts";
import type { Range } from "../onnx/source.ts";
import { beforeCopies, constantMovedOnly, movedOnly } from "../ort/linked-weights.ts";

/** What one model has in addition to another, and how they differ otherwise. */
interface Changes {
  /** Nodes that only the second model has, by the first value each makes. */
  readonly nodes: readonly string[];
  /** Initializers that only the second model has. */
  readonly initializers: readonly string[];
  /** Input slots that read another value: the node's first output and the index. */
  readonly redirected: readonly string[];
  /** Everything else, one sentence each. */
  readonly differences: readonly string[];
}

const BLOCK = 1 << 20;
/**
 * Fields that are compared entry by entry, including the graph's value_info and sparse_initializer.
 */
const LISTED = {
  model: [
    FIELD.modelIrVersion,
    FIELD.modelGraph,
    FIELD.modelOpset,
    FIELD.modelMetadata,
    FIELD.modelFunction,
  ],
  graph: [
    FIELD.graphNode,
    FIELD.graphInitializer,
    FIELD.graphInput,
    FIELD.graphOutput,
    13,
    15,
    NOTES.graphAnnotation,
  ],
};

/** Compares two models byte for byte: signature, metadata, opsets, functions, weights and nodes. */
export function changes(before: ModelFile, result: ModelFile): Changes {
  const after = beforeCopies(result);
  const differences: string[] = [];
  const lists = [
    ["input", before.graph.inputs, after.graph.inputs],
    ["output", before.graph.outputs, after.graph.outputs],
    ["value_info", before.graph.valueInfos, after.graph.valueInfos],
    ["sparse initializer", before.graph.sparseInitializers, after.graph.sparseInitializers],
    ["opset import", before.message.opsets, after.message.opsets],
    ["function", before.message.functions, after.message.functions],
    ["metadata entry", before.message.metadata, after.message.metadata],
  ] as const;
  for (const [what, a, b] of lists) {
    for (const [k, { frame }] of a.entries())
      if (!b[k]) differences.push(`${what} ${k} is gone`);
      else if (!equalBytes(before, frame, after, b[k].frame))
        differences.push(`${what} ${k} differs`);
    if (b.length > a.length && what !== "metadata entry")
      differences.push(`there are ${b.length - a.length} new entries of kind ${what}`);
  }
  if (before.message.irVersion !== after.message.irVersion) differences.push("ir_version differs");
  const [a, b] = [before, after].map((file) => ({ file, of: file.graph }));
  const message = (file: ModelFile): Part<Framed> => ({ file, of: file.message });
  if (!sameBut(LISTED.model, message(before), message(after)))
    differences.push("producer, version, documentation or training of the model differ");
  if (!sameBut(LISTED.graph, a, b) || !annotationsFollow(before, before.graph, after, after.graph))
    differences.push("name, documentation, metadata or quantization of the graph differ");
  const inside = graphChanges(a, b, "");
  return { ...inside, differences: [...differences, ...inside.differences] };
}

/** A message, and the file that it is read from. */
interface Part<T> {
  readonly file: ModelFile;
  readonly of: T;
}
type Framed = { readonly frame: Frame };

/** Returns the prefix of the names of a scope's values: the path to it. */
export const wayTo = (scope: Scope): string =>
  scope.owner ? wayInto(wayTo(scope.owner.scope), scope.owner.message, attributeOf(scope)) : "";

const wayInto = (way: string, { outputs }: NodeMessage, attribute: string) =>
  `${way}${outputs[0]}/${attribute}/`;

/** Returns changes of a graph's weights and nodes, and of the bodies in these. */
function graphChanges(before: Part<GraphMessage>, after: Part<GraphMessage>, way: string): Changes {
  const weights = weightChanges(before, after, way);
  const nodes = nodeChanges(before, after, way);
  return {
    nodes: nodes.nodes,
    initializers: [...weights.initializers, ...nodes.initializers],
    redirected: nodes.redirected,
    differences: [...weights.differences, ...nodes.differences],
  };
}

function weightChanges(
  { file: before, of: a }: Part<GraphMessage>,
  { file: after, of: b }: Part<GraphMessage>,
  way: string,
): Pick<Changes, "initializers" | "differences"> {
  const differences: string[] = [];
  const weights = new Map(b.initializers.map((tensor) => [tensor.name, tensor]));
  for (const tensor of a.initializers) {
    const { name, frame } = tensor;
    const other = weights.get(name);
    if (!other) differences.push(`weight ${way}${name} is gone`);
    else if (
      !movedOnly(before, tensor, after, other) &&
      !equalBytes(before, frame, after, other.frame)
    )
      differences.push(`weight ${way}${name} differs`);
    weights.delete(name);
  }
  return { initializers: [...weights.keys()].map((name) => way + name), differences };
}

function nodeChanges(
  { file: before, of: a }: Part<GraphMessage>,
  { file: after, of: b }: Part<GraphMessage>,
  way: string,
): Changes {
  const nodes: string[] = [];
  const initializers: string[] = [];
  const redirected: string[] = [];
  const differences: string[] = [];
  let k = 0;
  for (const node of b.nodes) {
    const old = a.nodes[k];
    const made = `${way}${node.outputs[0]}`;
    if (!old || old.outputs.join("\0") !== node.outputs.join("\0")) {
      nodes.push(made);
      continue;
    }
    k++;
    if (equalBytes(before, old.frame, after, node.frame)) continue;
    if (constantMovedOnly(before, old, after, node)) continue;
    for (const [index, name] of node.inputs.entries())
      if (name !== old.inputs[index]) redirected.push(`${made} ${index}`);
    const inside = bodyChanges({ file: before, of: old }, { file: after, of: node }, way);
    if (!inside) differences.push(`node ${way}${old.name || old.outputs[0]} differs`);
    for (const each of inside ?? []) {
      nodes.push(...each.nodes);
      initializers.push(...each.initializers);
      redirected.push(...each.redirected);
      differences.push(...each.differences);
    }
  }
  for (const { name, outputs } of a.nodes.slice(k))
    differences.push(`node ${way}${name || outputs[0]} is gone or moved`);
  return { nodes, initializers, redirected, differences };
}

const NODE = { input: 1, attribute: 5 };
/** Fields of an AttributeProto that hold graphs. */
const GRAPHS = [6, 11];

/**
 * Returns changes in the bodies of two nodes; null if more differs than these and the nodes'
 * inputs.
 */
function bodyChanges(
  { file: before, of: x }: Part<NodeMessage>,
  { file: after, of: y }: Part<NodeMessage>,
  way: string,
): Changes[] | null {
  const same = (fields: readonly number[], a: Framed, b: Framed) =>
    sameBut(fields, { file: before, of: a }, { file: after, of: b });
  const fields = [NODE.input, NODE.attribute, NOTES.nodeDevices];
  if (x.inputs.length !== y.inputs.length || !same(fields, x, y)) return null;
  const devices = devicesOf(before, x, renaming(x, y.inputs));
  if (
    !sameContent(
      devices,
      devicesOf(after, y, (name) => [name]),
    )
  )
    return null;
  if (x.attributes.length !== y.attributes.length) return null;
  const found: Changes[] = [];
  for (const [k, attribute] of x.attributes.entries()) {
    const [own, others] = [graphsOf(attribute), graphsOf(y.attributes[k])];
    if (!same(own.length > 0 ? GRAPHS : [], attribute, y.attributes[k])) return null;
    if (own.length !== others.length) return null;
    for (const [each, graph] of own.entries()) {
      const rest = [FIELD.graphNode, FIELD.graphInitializer, NOTES.graphAnnotation];
      if (!annotationsFollow(before, graph, after, others[each])) return null;
      if (!same(rest, graph, others[each])) return null;
      const inner = wayInto(way, x, attribute.name);
      found.push(
        graphChanges({ file: before, of: graph }, { file: after, of: others[each] }, inner),
      );
    }
  }
  return found;
}

const graphsOf = ({ g, graphs }: AttributeMessage) => (g ? [g, ...graphs] : graphs);

/** Whether all fields of two messages are equal, except those with these numbers. */
function sameBut(numbers: readonly number[], a: Part<Framed>, b: Part<Framed>) {
  const rest = ({ file, of }: Part<Framed>) =>
    partsOf(of.frame)
      .flatMap((part) => [...file.reader.fields(part)])
      .filter(({ number }) => !numbers.includes(number));
  const [left, right] = [rest(a), rest(b)];
  return (
    left.length === right.length &&
    left.every(({ start, end }, k) => equalBytes(a.file, { start, end }, b.file, right[k]))
  );
}

function equalBytes(a: ModelFile, x: Range, b: ModelFile, y: Range): boolean {
  if (x.end - x.start !== y.end - y.start) return false;
  for (let at = 0; at < x.end - x.start; at += BLOCK) {
    const length = Math.min(BLOCK, x.end - x.start - at);
    const left = a.source.read(x.start + at, x.start + at + length);
    const right = b.source.read(y.start + at, y.start + at + length);
    for (let k = 0; k < length; k++) if (left[k] !== right[k]) return false;
  }
  return true;
}
