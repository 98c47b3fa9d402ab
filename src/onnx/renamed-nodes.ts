import { graphsIn } from "./all-tensors.ts";
import { concat } from "./bytes.ts";
import { type Frame, fieldsIn } from "./decode.ts";
import { nodeField, textField } from "./encode.ts";
import {
  type AttributeMessage,
  FIELD,
  type FunctionMessage,
  type GraphMessage,
  type NodeMessage,
} from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import type { WrittenNode } from "./new-node.ts";
import { devicesRenamed, namedParts } from "./operand-notes.ts";
import type { Range } from "./source.ts";
import { type Field, valueRange } from "./wire.ts";
import { bytesField } from "./wire-writer.ts";

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
  readonly unfold: (node: Node) => WrittenNode[] | null;
}

/** Renaming in which everything keeps its name. */
export const UNCHANGED: NodeRenaming<unknown> = {
  value: (name) => name,
  node: (name) => name,
  attributes: new Map(),
  defaults: new Map(),
  unfold: () => null,
};

const NODE_NAME = 3;
const ATTRIBUTE = { name: 1, graph: 6, graphs: 11, reference: 21 };
const FUNCTION_DEFAULT = 11;

/** Fields of a graph, and where names of values stand in them: field numbers from outside in. */
const NAMES: Readonly<Record<number, readonly (readonly number[])[]>> = {
  [FIELD.graphInitializer]: [[FIELD.tensorName]],
  [FIELD.graphInput]: [[1]],
  [FIELD.graphOutput]: [[1]],
  [FIELD.graphValueInfo]: [[1]],
  /** The tensor, and the parameters of its quantization. */
  [FIELD.graphAnnotation]: [[1], [2, FIELD.entryValue]],
  /** The name of the values. */
  [FIELD.graphSparse]: [[1, FIELD.tensorName]],
};

/** Rewrites nodes field by field; copies everything else unchanged. */
export class Rewriter<Node extends NodeLike<Node>> {
  readonly #reader: ModelFile["reader"];

  constructor({ reader }: ModelFile) {
    this.#reader = reader;
  }

  /** Rewrites a NodeProto: names, and attributes that refer to the function's. */
  node(node: Node, place: NodeRenaming<Node>): Uint8Array {
    const attributes = new Map(node.message.attributes.map((each) => [each.frame.at, each]));
    return this.#message(node.message.frame, (field) => {
      const { number, start } = field;
      if (number === FIELD.nodeInput || number === FIELD.nodeOutput)
        return this.#text(field, place.value);
      if (number === NODE_NAME) return this.#text(field, place.node);
      if (number === FIELD.nodeDevices)
        return devicesRenamed(this.#reader, field, (name) => [place.value(name)]);
      const attribute = number === FIELD.nodeAttribute ? attributes.get(start) : undefined;
      if (!attribute) return null;
      const name = textField(ATTRIBUTE.name, attribute.name);
      const rest = this.#given(attribute, node, place);
      return rest ? bytesField(number, name, rest) : EMPTY;
    });
  }

  /** Returns the values that a call passes, by name: all fields of an attribute except its name. */
  attributes(call: Node, place: NodeRenaming<Node>): ReadonlyMap<string, Uint8Array> {
    const given = new Map<string, Uint8Array>();
    for (const attribute of call.message.attributes) {
      const rest = this.#given(attribute, call, place);
      if (rest) given.set(attribute.name, rest);
    }
    return given;
  }

  /** Returns the defaults of attributes that a call does not pass. */
  defaults({ frame }: FunctionMessage): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const field of this.#reader.fieldsWith(FUNCTION_DEFAULT, frame)) {
      const { name, rest } = namedParts(this.#reader, valueRange(field));
      if (name !== null) found.set(name, concat(rest));
    }
    return found;
  }

  /** Returns an attribute without its name: its own fields, or the value of the function's. */
  #given({ refAttrName: from, frame }: AttributeMessage, owner: Node, place: NodeRenaming<Node>) {
    if (from) return place.attributes.get(from) ?? place.defaults.get(from);
    return this.#attribute(frame, owner, place);
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
    return this.#message(body.message.frame, (field) => {
      const { number, start } = field;
      if (number !== FIELD.graphNode)
        return NAMES[number] ? this.#named(field, NAMES[number], place.value) : null;
      const node = nodes.get(start)!;
      const replacing = place.unfold(node) ?? [this.node(node, place)];
      return concat(replacing.map((each) => nodeField(each, false)));
    });
  }

  /** Rewrites the texts at the ends of some paths in a message that a field holds. */
  #named(
    outer: Field,
    paths: readonly (readonly number[])[],
    rename: (text: string) => string,
  ): Uint8Array {
    const content = this.#message(valueRange(outer), (field) => {
      const inner = paths.filter(([first]) => first === field.number).map((path) => path.slice(1));
      if (inner.length === 0) return null;
      return inner[0].length === 0 ? this.#text(field, rename) : this.#named(field, inner, rename);
    });
    return bytesField(outer.number, content);
  }

  /** Rewrites some fields of a message. */
  #message(frame: Frame | Range, change: (field: Field) => Uint8Array | null): Uint8Array {
    const reader = this.#reader;
    const fields = "earlier" in frame ? fieldsIn(reader, frame) : reader.fields(frame);
    return concat([...fields].map((field) => change(field) ?? reader.bytes(field)));
  }

  #text(field: Field, name: (text: string) => string): Uint8Array {
    return textField(field.number, name(this.#reader.text(field)));
  }
}

const EMPTY = new Uint8Array();
