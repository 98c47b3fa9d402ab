import onnxProto from "onnx-proto";
import { graphsIn } from "./all-tensors.ts";
import { concat } from "./bytes.ts";
import { type Frame, partsOf } from "./decode.ts";
import { FIELD, type FunctionMessage, type GraphMessage, type NodeMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import { devicesRenamed } from "./operand-notes.ts";
import type { Range } from "./source.ts";
import type { Field } from "./wire.ts";
import { bytesField } from "./wire-bytes.ts";

const { onnx } = onnxProto;

/** A node with its bodies. */
interface NodeLike<Self> {
  readonly message: NodeMessage;
  readonly bodies: readonly { readonly message: FramedMessage; readonly nodes: readonly Self[] }[];
}
type FramedMessage = Pick<GraphMessage, "frame">;

/** How nodes are rewritten: their names, and the attributes that refer to a function's. */
export interface NodeRenaming<Node> {
  readonly value: (name: string) => string;
  readonly node: (name: string) => string;
  /** The attribute values that the call passes to the function. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  readonly defaults: ReadonlyMap<string, Uint8Array>;
  /** Returns the nodes that replace one node; null if it stays. */
  readonly unfold: (node: Node) => Uint8Array[] | null;
}

const NODE = { input: 1, output: 2, name: 3, attribute: 5 };
const ATTRIBUTE = { name: 1, graph: 6, graphs: 11, reference: 21 };
const GRAPH = { valueInfo: 13, sparse: 15 };
const ANNOTATION = { tensor: 1, parameters: 2 };
const ENTRY_VALUE = 2;
const TENSOR_NAME = 8;
const FUNCTION_DEFAULT = 11;

/** Rewrites nodes field by field; copies everything else unchanged. */
export class Rewriter<Node extends NodeLike<Node>> {
  readonly #file: ModelFile;

  constructor(file: ModelFile) {
    this.#file = file;
  }

  /** Rewrites a NodeProto: names, and attributes that refer to the function's. */
  node(node: Node, place: NodeRenaming<Node>): Uint8Array {
    const attributes = new Map(node.message.attributes.map((each) => [each.frame.at, each]));
    return this.#message(node.message.frame, (field) => {
      const { number, start } = field;
      if (number === NODE.input || number === NODE.output) return this.#text(field, place.value);
      if (number === NODE.name) return this.#text(field, place.node);
      if (number === FIELD.nodeDevices)
        return devicesRenamed(this.#file.reader, field, (name) => [place.value(name)]);
      const attribute = number === NODE.attribute ? attributes.get(start) : undefined;
      if (!attribute) return null;
      const { name, refAttrName: from } = attribute;
      const rest = from
        ? (place.attributes.get(from) ?? place.defaults.get(from))
        : this.#attribute(attribute.frame, node, place);
      return rest ? bytesField(number, bytesField(ATTRIBUTE.name, utf8.encode(name)), rest) : EMPTY;
    });
  }

  identity = (from: string, to: string): Uint8Array => this.plain("Identity", [from], to);

  /** Encodes a node of ai.onnx without attributes. */
  plain = (opType: string, input: string[], output: string): Uint8Array =>
    onnx.NodeProto.encode({ opType, input, output: [output] }).finish();

  /** Returns the values that a call passes, by name: all fields of an attribute except its name. */
  attributes(call: Node, place: NodeRenaming<Node>): ReadonlyMap<string, Uint8Array> {
    const given = new Map<string, Uint8Array>();
    for (const { name, refAttrName: from, frame } of call.message.attributes) {
      const rest = from
        ? (place.attributes.get(from) ?? place.defaults.get(from))
        : this.#attribute(frame, call, place);
      if (rest) given.set(name, rest);
    }
    return given;
  }

  /** Returns the defaults of attributes that a call does not pass. */
  defaults({ frame }: FunctionMessage): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const { number, body, end } of this.#file.reader.fields(frame)) {
      if (number !== FUNCTION_DEFAULT) continue;
      const range = { start: body, end };
      const fields = [...this.#file.reader.fields(range)];
      const name = fields.find((field) => field.number === ATTRIBUTE.name);
      const rest = fields.filter((field) => field.number !== ATTRIBUTE.name);
      if (name)
        found.set(this.#file.reader.text(name), concat(rest.map((field) => this.#raw(field))));
    }
    return found;
  }

  #attribute(frame: Frame, owner: Node, place: NodeRenaming<Node>): Uint8Array {
    const before = owner.message.attributes.findIndex((each) => each.frame === frame);
    let k = graphsIn(owner.message.attributes.slice(0, before)).length;
    return this.#message(frame, ({ number }) => {
      if (number === ATTRIBUTE.name) return EMPTY;
      if (number !== ATTRIBUTE.graph && number !== ATTRIBUTE.graphs) return null;
      return bytesField(number, this.#graph(owner.bodies[k++], place));
    });
  }

  #graph(body: Node["bodies"][number], place: NodeRenaming<Node>): Uint8Array {
    const nodes = new Map(body.nodes.map((node) => [node.message.frame.at, node]));
    return this.#message(body.message.frame, ({ number, start, body: from, end }) => {
      const range = { start: from, end };
      const named = (at: number) =>
        bytesField(
          number,
          this.#message(range, (field) =>
            field.number === at ? this.#text(field, place.value) : null,
          ),
        );
      switch (number) {
        case FIELD.graphNode: {
          const node = nodes.get(start)!;
          const all = place.unfold(node) ?? [this.node(node, place)];
          return concat(all.map((bytes) => bytesField(number, bytes)));
        }
        case FIELD.graphInitializer:
          return named(TENSOR_NAME);
        case FIELD.graphInput:
        case FIELD.graphOutput:
        case GRAPH.valueInfo:
          return named(1);
        case FIELD.graphAnnotation:
          return bytesField(number, this.#annotation(range, place));
        case GRAPH.sparse:
          return bytesField(
            number,
            this.#message(range, (values) =>
              values.number === 1
                ? bytesField(
                    1,
                    this.#message({ start: values.body, end: values.end }, (field) =>
                      field.number === TENSOR_NAME ? this.#text(field, place.value) : null,
                    ),
                  )
                : null,
            ),
          );
        default:
          return null;
      }
    });
  }

  /** Rewrites a TensorAnnotation with the new names of its tensor and parameters. */
  #annotation(range: Range, place: NodeRenaming<Node>): Uint8Array {
    return this.#message(range, (field) => {
      if (field.number === ANNOTATION.tensor) return this.#text(field, place.value);
      if (field.number !== ANNOTATION.parameters) return null;
      const entry = this.#message({ start: field.body, end: field.end }, (value) =>
        value.number === ENTRY_VALUE ? this.#text(value, place.value) : null,
      );
      return bytesField(field.number, entry);
    });
  }

  /** Rewrites some fields of a message. */
  #message(frame: Frame | Range, change: (field: Field) => Uint8Array | null): Uint8Array {
    const parts = "earlier" in frame ? partsOf(frame) : [frame];
    const fields = parts.flatMap((part) => [...this.#file.reader.fields(part)]);
    return concat(fields.map((field) => change(field) ?? this.#raw(field)));
  }

  #text(field: Field, name: (text: string) => string): Uint8Array {
    return bytesField(field.number, utf8.encode(name(this.#file.reader.text(field))));
  }

  #raw = ({ start, end }: Range) => this.#file.reader.bytes({ start, end }).slice();
}

const utf8 = new TextEncoder();
const EMPTY = new Uint8Array();
