import onnxProto from "onnx-proto";
import { concat } from "./bytes.ts";
import { type Frame, partsOf } from "./decode.ts";
import { dataType, type Type } from "./dtypes.ts";
import { infoField, nodeField, nodeFields, slotField, tensorMessage, textField } from "./encode.ts";
import { isExternal } from "./external.ts";
import { FIELD, type NodeMessage, type TensorMessage } from "./messages.ts";
import { type ModelFile, tensorBytes } from "./model-file.ts";
import type { NewNode } from "./new-node.ts";
import { bytesField } from "./wire-writer.ts";

const { onnx } = onnxProto;

/** What a model of some nodes of a file holds. */
interface Excerpt {
  readonly irVersion: number;
  /** Nodes of the file, and the names that they read instead of their own. */
  readonly nodes: readonly {
    readonly message: NodeMessage;
    readonly inputs?: readonly string[] | undefined;
  }[];
  readonly added: readonly NewNode[];
  /** Tensors of the file, and their names as initializers. */
  readonly initializers: readonly { readonly name: string; readonly tensor: TensorMessage }[];
  readonly inputs: readonly { readonly name: string; readonly type: Type }[];
  readonly outputs: readonly string[];
}

/** Encodes some nodes of a file as a model of their own, with the file's functions and operator sets. */
export function excerptBytes(file: ModelFile, excerpt: Excerpt): Uint8Array {
  const { irVersion, nodes, added, initializers, inputs, outputs } = excerpt;
  const { opsets, functions } = file.message;
  return concat([
    onnx.ModelProto.encode({ irVersion }).finish(),
    ...[...opsets, ...functions].map(({ frame }) => fieldOf(file, frame)),
    bytesField(
      FIELD.modelGraph,
      ...nodes.map(({ message, inputs: read }) =>
        read ? reading(file, message, read) : fieldOf(file, message.frame),
      ),
      nodeFields(added, false),
      ...initializers.map(({ name, tensor }) => initializer(file, name, tensor)),
      ...inputs.map(({ name, type }) => infoField("input", name, type)),
      ...outputs.map((name) => infoField("output", name, null)),
      textField(FIELD.graphName, "excerpt"),
    ),
  ]);
}

const fieldOf = ({ reader }: ModelFile, { at, end }: Frame) => reader.bytes({ start: at, end });

/** Returns a node's field with other inputs. */
function reading({ reader }: ModelFile, { frame }: NodeMessage, inputs: readonly string[]) {
  const kept = [...reader.fields(frame)]
    .filter(({ number }) => number !== FIELD.nodeInput)
    .map((field) => reader.bytes(field));
  return nodeField(concat([...kept, ...inputs.map((name) => slotField("input", name))]), false);
}

/** Returns an initializer's field with another name, and with its values inside. */
function initializer(file: ModelFile, name: string, tensor: TensorMessage): Uint8Array {
  const { dims, dataType: type, frame } = tensor;
  const inside = () => ({
    name,
    dims,
    dtype: dataType(type)!.name,
    data: tensorBytes(file, tensor),
  });
  const parts = isExternal(tensor)
    ? [tensorMessage(inside())]
    : partsOf(frame).map((part) => file.reader.bytes(part));
  return bytesField(FIELD.graphInitializer, ...parts, textField(FIELD.tensorName, name));
}
