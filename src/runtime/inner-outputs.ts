import onnxProto from "onnx-proto";
import type { Graph, Node, Scope } from "../graph/graph.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import type { Frame } from "../onnx/decode.ts";
import type { Edit } from "../onnx/edits.ts";
import { FIELD } from "../onnx/messages.ts";
import { type ModelFile, openFile } from "../onnx/model-file.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField } from "../onnx/wire-bytes.ts";
import { type Step, scopesOf } from "./inside.ts";
import { withOutputs } from "./runnable.ts";

const { onnx } = onnxProto;

/** A value inside a model that is to be handed out, and its type as ONNX spells it. */
export interface Inner {
  readonly name: string;
  /** Null where it is not known. */
  readonly dtype: string | null;
}

/** A model that hands out values from inside, and the names it hands them out by, in their order. */
export interface Opened {
  readonly file: ModelFile;
  readonly outputs: readonly string[];
}

const PER_SCAN_OUTPUT = new Set(["scan_output_axes", "scan_output_directions"]);
const ENTERED = new Set(["If", "Loop", "Scan"]);

/**
 * The model with values of a scope inside it as further outputs: the way's last scope has them,
 * and every node on the way hands them on. Of an If that takes another branch they are zero
 * scalars; a Loop or Scan gives those of all its rounds. Null where an operator on the way hands
 * nothing on, or a type that an If's other branch needs is not known.
 */
export function withInnerOutputs(
  graph: Graph,
  way: readonly Step[],
  values: readonly Inner[],
): Opened | null {
  const edits: Edit[] = [];
  let count = 0;
  const fresh = (): string => {
    const name = `inner.${count++}`;
    return graph.names.has(name) ? fresh() : name;
  };
  const innermost = way.at(-1)!.scope;
  let names = values.map(({ name }) => name);
  for (const { node, scope } of [...way].reverse()) {
    if (!node.callee && !ENTERED.has(node.op)) return null;
    const copies = scope === innermost ? names.map(fresh) : names;
    if (copies !== names && !importsOnnx(scope)) return null;
    for (const [k, name] of names.entries())
      if (copies !== names) edits.push(nodeIn(scope, "Identity", [name], copies[k]));
    for (const name of copies) edits.push(outputOf(scope, name));
    for (const branch of node.op === "If" ? node.bodies : [])
      if (branch !== scope)
        for (const { dtype } of values) {
          const zero = zeroOf(dtype);
          if (!zero) return null;
          const output = fresh();
          edits.push(nodeIn(branch, "Constant", [], output, zero), outputOf(branch, output));
        }
    for (const { name, frame } of node.op === "Scan" ? node.message.attributes : [])
      if (PER_SCAN_OUTPUT.has(name)) {
        const zeros = onnx.AttributeProto.encode({ ints: names.map(() => 0) }).finish();
        edits.push(append(frame, zeros));
      }
    names = names.map(fresh);
    edits.push(handingOn(node, scope, names));
    for (const call of node.callee ? callsOf(graph, node.callee) : [])
      if (call !== node) edits.push(handingOn(call, scope, names.map(fresh)));
  }
  const file = openFile(patchedSource(graph.file.source, splices(edits)), graph.file.folder);
  return { file: withOutputs(file, names), outputs: names };
}

const append = (frame: Frame, bytes: Uint8Array): Edit => ({
  start: frame.end,
  end: frame.end,
  bytes,
  frame,
});

const isFunction = ({ kind }: Scope) => kind === "function";

/** Bodies have the operators of the model around them, functions those that they import. */
const importsOnnx = ({ message }: Scope) =>
  !("opsets" in message) ||
  message.opsets.some(({ domain }) => domain === "" || domain === "ai.onnx");

function nodeIn(
  scope: Scope,
  opType: string,
  input: string[],
  output: string,
  attribute: object[] = [],
): Edit {
  const node = onnx.NodeProto.fromObject({ opType, input, output: [output], attribute });
  const field = isFunction(scope) ? FIELD.functionNode : FIELD.graphNode;
  return append(scope.message.frame, bytesField(field, onnx.NodeProto.encode(node).finish()));
}

const outputOf = (scope: Scope, name: string): Edit =>
  append(
    scope.message.frame,
    isFunction(scope)
      ? bytesField(FIELD.functionOutput, new TextEncoder().encode(name))
      : bytesField(FIELD.graphOutput, onnx.ValueInfoProto.encode({ name }).finish()),
  );

/** The value of a Constant that is a zero scalar; null for types that have none. */
function zeroOf(dtype: string | null): object[] | null {
  const type = dtypeNamed(dtype);
  if (!type?.bits || type.bits < 8) return null;
  const t = { dims: [], dataType: type.number, rawData: new Uint8Array(type.bits / 8) };
  return [{ name: "value", type: onnx.AttributeProto.AttributeType.TENSOR, t }];
}

const dtypeNamed = (dtype: string | null) => (dtype === null ? null : dataTypeNamed(dtype));

/** Further outputs of a node, after those that its body gives already. */
function handingOn(node: Node, scope: Scope, names: readonly string[]): Edit {
  const own = scope.message.outputs.length - (node.op === "Loop" ? 1 : 0);
  const absent = new Array<string>(Math.max(0, own - node.message.outputs.length)).fill("");
  const output = [...absent, ...names];
  return append(node.message.frame, onnx.NodeProto.encode({ output }).finish());
}

function* callsOf(graph: Graph, callee: Scope): Generator<Node> {
  for (const scope of scopesOf(graph))
    for (const node of scope.nodes) if (node.callee === callee) yield node;
}
