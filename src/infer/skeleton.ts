import onnxProto from "onnx-proto";
import { tensorOf } from "../graph/constants.ts";
import { valueInfo } from "../graph/encode.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import { byOrder } from "../graph/scopes.ts";
import { type Type, typeOfTensor } from "../graph/types.ts";
import { elements } from "../onnx/data-types.ts";
import { partsOf } from "../onnx/decode.ts";
import { isExternal } from "../onnx/external.ts";
import { FIELD, type TensorMessage } from "../onnx/messages.ts";
import { tensorBytes } from "../onnx/model-file.ts";
import { bytesField, concat } from "../onnx/wire-bytes.ts";
import { withDataInside } from "../ort/linked-weights.ts";

const { onnx } = onnxProto;

/** Elements up to which a weight stands in the skeleton itself: shapes, axes, scales. */
export const INLINE = 64;

/** Whether a weight stands in a skeleton itself, and is no input of it. */
export const isInlined = (tensor: TensorMessage) => elements(tensor.dims) <= INLINE;

const SKELETON_IR_VERSION = 8;

/** A stretch of a graph without its weights, as a model of its own. */
export interface Skeleton {
  readonly model: Uint8Array;
  /** Values whose types its outputs tell, in order. */
  readonly outputs: readonly Value[];
}

/**
 * Makes a model of these nodes in which weights are inputs and every value is an output.
 * `known` gives the types of values that come from elsewhere; `shapesOf` adds their shapes as
 * outputs; `fed` are constants that become inputs however small. Returns null where a value from
 * elsewhere has no known type.
 */
export function skeleton(
  graph: Graph,
  nodes: readonly Node[],
  known: (value: Value) => Type | null,
  shapesOf: readonly Value[],
  fed: ReadonlySet<Value> = new Set(),
): Skeleton | null {
  const { file } = graph;
  const included = new Set(nodes.filter((node) => !isLargeConstant(node)));
  const made = new Set<Value>();
  for (const node of included) for (const output of node.outputs) if (output) made.add(output);
  const initializers: Uint8Array[] = [];
  const inputs: Uint8Array[] = [];
  const extra: Uint8Array[] = [];
  const needed = new Set<Value>();
  const alike = standIns(known, fed);
  for (const node of included)
    for (const value of [...node.inputs, ...node.captures])
      if (value && !made.has(value)) needed.add(isWide(node) ? alike(value) : value);
  for (const value of needed) {
    const tensor = tensorOf(value);
    const type = typeOfTensor(value) ?? known(value);
    if (tensor && !fed.has(value) && isInlined(tensor))
      initializers.push(inlined(graph, value, tensor));
    else if (type) inputs.push(bytesField(FIELD.graphInput, valueInfo(value.name, type)));
    else return null;
  }
  const outputs = [...made];
  const raw = (frame: { at: number; end: number }) =>
    file.reader.bytes({ start: frame.at, end: frame.end });
  for (const value of shapesOf) {
    const node = { opType: "Shape", input: [value.name], output: [shapeName(value)] };
    extra.push(bytesField(FIELD.graphNode, onnx.NodeProto.encode(node).finish()));
  }
  const named = (name: string) => bytesField(FIELD.graphOutput, valueInfo(name));
  const body = [
    ...[...included]
      .sort(byOrder)
      .map((node) =>
        isWide(node)
          ? reading(graph, node, (value) => (made.has(value) ? value : alike(value)).name)
          : raw(node.message.frame),
      ),
    ...extra,
    onnx.GraphProto.encode({ name: "skeleton" }).finish(),
    ...initializers,
    ...inputs,
    ...outputs.map((value) => named(value.name)),
    ...shapesOf.map((value) => named(shapeName(value))),
  ];
  const irVersion = Math.max(file.message.irVersion, SKELETON_IR_VERSION);
  const model = concat([
    onnx.ModelProto.encode({ irVersion }).finish(),
    ...file.message.opsets.map(({ frame }) => raw(frame)),
    ...file.message.functions.map(({ frame }) => raw(frame)),
    bytesField(FIELD.modelGraph, ...body),
  ]);
  return { model: withDataInside(model, file), outputs };
}

/** Inputs above which a node's operands are fed one of each type: a session is quadratic in its inputs. */
const WIDE = 256;

const isWide = (node: Node) => node.inputs.length > WIDE;

/** For a value, the first one that was asked for of the same type: one is inferred like the other. */
function standIns(known: (value: Value) => Type | null, fed: ReadonlySet<Value>) {
  const first = new Map<string, Value>();
  return (value: Value): Value => {
    const type = fed.has(value) || tensorOf(value) ? null : known(value);
    if (!type) return value;
    const key = JSON.stringify(type);
    const one = first.get(key) ?? value;
    first.set(key, one);
    return one;
  };
}

/** A node's field, its inputs renamed. */
function reading({ file }: Graph, node: Node, nameOf: (value: Value) => string): Uint8Array {
  const kept = [...file.reader.fields(node.message.frame)]
    .filter(({ number }) => number !== FIELD.nodeInput)
    .map(({ start, end }) => file.reader.bytes({ start, end }));
  const input = node.inputs.map((value) => (value ? nameOf(value) : ""));
  return bytesField(FIELD.graphNode, ...kept, onnx.NodeProto.encode({ input }).finish());
}

const shapeName = (value: Value) => `${value.name}:shape`;

const isLargeConstant = (node: Node) => {
  const tensor = node.op === "Constant" ? tensorOf(node.outputs[0]) : null;
  return tensor !== null && !isInlined(tensor);
};

function inlined(graph: Graph, value: Value, tensor: TensorMessage): Uint8Array {
  const { reader } = graph.file;
  if (tensor.name === value.name && !isExternal(tensor) && !tensor.frame.earlier)
    return reader.bytes({ start: tensor.frame.at, end: tensor.frame.end });
  if (!isExternal(tensor)) {
    const renamed = onnx.TensorProto.encode({ name: value.name }).finish();
    return bytesField(
      FIELD.graphInitializer,
      ...partsOf(tensor.frame).map((part) => reader.bytes(part)),
      renamed,
    );
  }
  const proto = onnx.TensorProto.encode({
    name: value.name,
    dims: [...tensor.dims],
    dataType: tensor.dataType,
    rawData: tensorBytes(graph.file, tensor),
  });
  return bytesField(FIELD.graphInitializer, proto.finish());
}
