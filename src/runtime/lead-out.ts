import onnxProto from "onnx-proto";
import { valueInfo } from "../graph/encode.ts";
import type { Node, Scope, Value } from "../graph/graph.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import type { Frame } from "../onnx/decode.ts";
import type { Edit } from "../onnx/edits.ts";
import { FIELD } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { BYTES } from "../onnx/wire.ts";
import { bytesField } from "../onnx/wire-bytes.ts";

const { onnx } = onnxProto;
const { GRAPH, TENSOR } = onnx.AttributeProto.AttributeType;
const NODE = { input: 1, output: 2 };
const INTS = 8;

type NodeProto = onnxProto.onnx.INodeProto;

/** The nodes in whose bodies a scope lies, the nearest first. */
export function* ownersOf(scope: Scope): Generator<Node> {
  for (let { owner } = scope; owner; owner = owner.scope.owner) yield owner;
}

/**
 * Writes the edits that carry a value out of every body it lies in and gives the name it has in
 * the main graph; null where an operator around it is none of If, Loop and Scan. `label` is of
 * this value alone.
 */
export function leadOut(
  file: ModelFile,
  value: Value,
  dtype: string,
  label: string,
  edits: Edit[],
): string | null {
  const owners = [...ownersOf(value.scope)];
  if (!owners.every(({ op }) => op in ways)) return null;
  let [name, scope] = [value.name, value.scope];
  for (const [k, owner] of owners.entries()) {
    const writing = new Writing(file, edits, dtype, `${label}.${k}`);
    ways[owner.op as keyof typeof ways](writing, owner, scope, name);
    [name, scope] = [writing.name(), owner.scope];
  }
  return name;
}

const ways = {
  /** The other branch gives a tensor without elements. */
  If(to: Writing, owner: Node, scope: Scope, name: string) {
    for (const body of owner.bodies) {
      const given = to.name(`in ${owner.bodies.indexOf(body)}`);
      to.node(body, body === scope ? copy(name, given) : to.nothing(given));
      to.output(body, given, body.outputs.length);
    }
    to.result(owner, owner.bodies[0].outputs.length);
  },

  /** The value is carried on from the first turn that made it. */
  Loop(to: Writing, owner: Node, scope: Scope, name: string) {
    const carried = Math.max(0, owner.message.inputs.length - 2);
    const [start, before, after] = ["start", "before", "after"].map((part) => to.name(part));
    to.before(owner, to.nothing(start));
    for (let k = owner.message.inputs.length; k < 2; k++) to.input(owner, "");
    to.input(owner, start);
    to.field(scope.message.frame, FIELD.graphInput, to.typed(before));
    for (const node of to.firstOf(before, name, after)) to.node(scope, node);
    to.output(scope, after, 1 + carried);
    to.result(owner, carried);
  },

  /** All turns, one after the other. */
  Scan(to: Writing, owner: Node, scope: Scope, name: string) {
    const given = to.name("turn");
    to.node(scope, copy(name, given));
    to.output(scope, given, scope.outputs.length);
    for (const { name: attribute, frame } of owner.message.attributes)
      if (attribute === "scan_output_axes" || attribute === "scan_output_directions")
        to.field(frame, INTS, null);
    to.result(owner, scope.outputs.length);
  },
};

const copy = (from: string, to: string): NodeProto => ({
  opType: "Identity",
  input: [from],
  output: [to],
});

/** Edits that lead one value out of one body. */
class Writing {
  readonly #file: ModelFile;
  readonly #edits: Edit[];
  readonly #dtype: string;
  readonly #label: string;

  constructor(file: ModelFile, edits: Edit[], dtype: string, label: string) {
    this.#file = file;
    this.#edits = edits;
    this.#dtype = dtype;
    this.#label = label;
  }

  name = (part = "") => `${this.#label}${part && ` ${part}`}`;

  typed = (name: string) => valueInfo(name, { dtype: this.#dtype, shape: null });

  nothing(output: string): NodeProto {
    const dataType = dataTypeNamed(this.#dtype)!.number;
    const t = { dims: [0], dataType, rawData: new Uint8Array() };
    const attribute = [{ name: "value", type: TENSOR, t }];
    return { opType: "Constant", output: [output], attribute };
  }

  /** Nodes that give `before`, or `value` where that is still without elements. */
  firstOf(before: string, value: string, after: string): NodeProto[] {
    const [size, zero, none] = ["size", "zero", "none"].map((part) => this.name(part));
    const branch = (name: string, from: string) => {
      const output = [onnx.ValueInfoProto.decode(this.typed(`${after} ${name}`))];
      const g = { name, node: [copy(from, `${after} ${name}`)], output };
      return { name, type: GRAPH, g };
    };
    const t = { dims: [], dataType: dataTypeNamed("int64")!.number, rawData: new Uint8Array(8) };
    const attribute = [{ name: "value", type: TENSOR, t }];
    return [
      { opType: "Size", input: [before], output: [size] },
      { opType: "Constant", output: [zero], attribute },
      { opType: "Equal", input: [size, zero], output: [none] },
      {
        opType: "If",
        input: [none],
        output: [after],
        attribute: [branch("then_branch", value), branch("else_branch", before)],
      },
    ];
  }

  /** A field at a message's end; a zero where it has no bytes. */
  field(frame: Frame, number: number, bytes: Uint8Array | null): void {
    const field = bytes ? bytesField(number, bytes) : Uint8Array.of(number * 8, 0);
    this.#edits.push({ start: frame.end, end: frame.end, bytes: field, frame });
  }

  node = (body: Scope, node: NodeProto) =>
    this.field(body.message.frame, FIELD.graphNode, onnx.NodeProto.encode(node).finish());

  before(owner: Node, node: NodeProto): void {
    const { at, parent } = owner.message.frame;
    const bytes = bytesField(FIELD.graphNode, onnx.NodeProto.encode(node).finish());
    this.#edits.push({ start: at, end: at, bytes, frame: parent! });
  }

  input = (owner: Node, name: string) => this.field(owner.message.frame, NODE.input, utf8(name));

  /** An output of the body, the one at `place`. */
  output(body: Scope, name: string, place: number): void {
    const { frame, outputs } = body.message;
    const next = outputs[place];
    const at = typeof next === "object" ? next.frame.at : frame.end;
    const bytes = bytesField(FIELD.graphOutput, this.typed(name));
    this.#edits.push({ start: at, end: at, bytes, frame });
  }

  /** The node's output at `place`, those before it given names where they have none. */
  result(owner: Node, place: number): void {
    const { frame, outputs } = owner.message;
    for (let k = outputs.length; k < place; k++)
      this.field(frame, NODE.output, utf8(this.name(`beside ${k}`)));
    const fields = [...this.#file.reader.fields(frame)].filter(
      ({ number, wire }) => number === NODE.output && wire === BYTES,
    );
    const at = fields[place]?.start ?? frame.end;
    const bytes = bytesField(NODE.output, utf8(this.name()));
    this.#edits.push({ start: at, end: at, bytes, frame });
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);
