import type { Frame } from "../onnx/decode.ts";
import type { NodeMessage, TensorMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Range } from "../onnx/source.ts";

/** What one model has more than another, and in what they differ beyond that. */
export interface Changes {
  /** Nodes of the second that the first does not have. */
  readonly nodes: readonly NodeMessage[];
  /** Initializers of the second that the first does not have. */
  readonly initializers: readonly TensorMessage[];
  /** Input slots that read another value: the node's first output and the index. */
  readonly redirected: readonly { readonly output: string; readonly index: number }[];
  /** Anything else, a sentence each. */
  readonly differences: readonly string[];
}

const BLOCK = 1 << 20;

/** Compares two models byte for byte: signature, metadata, opsets, functions, weights and nodes. */
export function changes(before: ModelFile, after: ModelFile): Changes {
  const differences: string[] = [];
  const same = (a: Frame, b: Frame | undefined, what: string) => {
    if (!b) differences.push(`${what} is gone`);
    else if (!equalBytes(before, a, after, b)) differences.push(`${what} differs`);
  };
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
    for (const [k, { frame }] of a.entries()) same(frame, b[k]?.frame, `${what} ${k}`);
    if (b.length > a.length && what !== "metadata entry")
      differences.push(`there are ${b.length - a.length} new entries of kind ${what}`);
  }
  if (before.message.irVersion !== after.message.irVersion) differences.push("ir_version differs");

  const weights = new Map(after.graph.initializers.map((tensor) => [tensor.name, tensor]));
  for (const { name, frame } of before.graph.initializers) {
    same(frame, weights.get(name)?.frame, `weight ${name}`);
    weights.delete(name);
  }

  const nodes: NodeMessage[] = [];
  const redirected: { output: string; index: number }[] = [];
  let k = 0;
  for (const node of after.graph.nodes) {
    const old = before.graph.nodes[k];
    if (!old || old.outputs.join("\0") !== node.outputs.join("\0")) {
      nodes.push(node);
      continue;
    }
    k++;
    if (equalBytes(before, old.frame, after, node.frame)) continue;
    const moved = [...node.inputs.keys()].filter(
      (index) => node.inputs[index] !== old.inputs[index],
    );
    redirected.push(...moved.map((index) => ({ output: node.outputs[0], index })));
    if (!sameButInputs(before, old, after, node))
      differences.push(`node ${old.name || old.outputs[0]} differs`);
  }
  for (const { name, outputs } of before.graph.nodes.slice(k))
    differences.push(`node ${name || outputs[0]} is gone or moved`);
  return { nodes, initializers: [...weights.values()], redirected, differences };
}

function sameButInputs(a: ModelFile, x: NodeMessage, b: ModelFile, y: NodeMessage): boolean {
  const rest = (file: ModelFile, { frame }: NodeMessage) =>
    [...file.reader.fields(frame)].filter(({ number }) => number !== 1);
  const [left, right] = [rest(a, x), rest(b, y)];
  return (
    x.inputs.length === y.inputs.length &&
    left.length === right.length &&
    left.every(({ start, end }, k) => equalBytes(a, { start, end }, b, right[k]))
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
