import { tensorOf } from "../graph/constants.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import { byOrder } from "../graph/scopes.ts";
import { typeOfTensor } from "../graph/types.ts";
import { concat } from "../onnx/bytes.ts";
import { dataType, elements } from "../onnx/data-types.ts";
import { partsOf } from "../onnx/decode.ts";
import {
  initializerField,
  inputField,
  modelOfFields,
  nodeField,
  nodeFields,
  outputField,
  renamedInitializer,
  slotField,
} from "../onnx/encode.ts";
import { isExternal } from "../onnx/external.ts";
import { FIELD, type TensorMessage } from "../onnx/messages.ts";
import { tensorBytes } from "../onnx/model-file.ts";
import type { Type } from "../onnx/shape.ts";
import { withDataInside } from "../ort/linked-weights.ts";

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
    else if (type) inputs.push(inputField(value.name, type));
    else return null;
  }
  const outputs = [...made];
  const raw = (frame: { at: number; end: number }) =>
    file.reader.bytes({ start: frame.at, end: frame.end });
  for (const value of shapesOf) {
    const outputs = [shapeName(value)];
    const node = { name: "", op: "Shape", inputs: [value.name], outputs, attributes: {} };
    extra.push(nodeFields([node], false));
  }
  const body = [
    ...[...included]
      .sort(byOrder)
      .map((node) =>
        isWide(node)
          ? reading(graph, node, (value) => (made.has(value) ? value : alike(value)).name)
          : raw(node.message.frame),
      ),
    ...extra,
  ];
  const irVersion = Math.max(file.message.irVersion, SKELETON_IR_VERSION);
  const { opsets, functions } = file.message;
  const imported = [...opsets, ...functions].map(({ frame }) => raw(frame));
  const model = modelOfFields(irVersion, imported, "skeleton", body, [
    ...initializers,
    ...inputs,
    ...outputs.map((value) => outputField(value.name)),
    ...shapesOf.map((value) => outputField(shapeName(value))),
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
  return nodeField(concat([...kept, ...input.map((name) => slotField("input", name))]), false);
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
  if (!isExternal(tensor))
    return renamedInitializer(
      partsOf(tensor.frame).map((part) => reader.bytes(part)),
      value.name,
    );
  return initializerField({
    name: value.name,
    dims: tensor.dims,
    dtype: dataType(tensor.dataType)!.name,
    data: tensorBytes(graph.file, tensor),
  });
}
