import { entry } from "../entry.ts";
import { tensorOf, typeOfTensor } from "../graph/constants.ts";
import { type KnownType, type Node, outputsOf, readsOf, type Value } from "../graph/graph.ts";
import { inOrder } from "../graph/scopes.ts";
import { concat } from "../onnx/bytes.ts";
import { partsOf } from "../onnx/decode.ts";
import { dataType, elements } from "../onnx/dtypes.ts";
import {
  infoField,
  modelOfFields,
  nodeField,
  nodeFields,
  renamedInitializer,
  slotField,
  tensorMessage,
} from "../onnx/encode.ts";
import { isExternal } from "../onnx/external.ts";
import { FIELD, type TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes } from "../onnx/model-file.ts";
import { type DenseTensor, plainNode } from "../onnx/new-node.ts";
import { withDataInside } from "../ort/loading.ts";

/** Number of elements up to which a weight is embedded in the skeleton: shapes, axes, scales. */
export const INLINE = 64;

/** Whether a weight is embedded in a skeleton instead of being an input. */
export const isInlined = (tensor: TensorMessage) => elements(tensor.dims) <= INLINE;

const SKELETON_IR_VERSION = 8;

interface SkeletonOptions {
  /** Values whose shapes are outputs too. */
  readonly shapesOf?: readonly Value[];
  /** Constants that become inputs regardless of their size. */
  readonly fed?: ReadonlySet<Value>;
  /** The values that are outputs, if not all. */
  readonly shown?: readonly Value[];
}

/**
 * Builds a model of some nodes in which weights are inputs and every value is an output. Returns it
 * with its title in messages, and the values whose types its outputs show, in order; null if an
 * outer value has an unknown type, or there are no nodes.
 */
export function skeleton(
  known: KnownType,
  nodes: readonly Node[],
  { shapesOf = [], fed = new Set(), shown }: SkeletonOptions = {},
) {
  const file = nodes[0]?.scope.file;
  if (!file) return null;
  const included = [...new Set(nodes)].filter((node) => !isLargeConstant(node));
  const computed = new Set(included.flatMap(outputsOf));
  const standIn = standIns(known, fed);
  const operand = (node: Node, value: Value) =>
    isWide(node) && !computed.has(value) ? standIn(value) : value;
  const needed = new Set<Value>();
  for (const node of included)
    for (const value of readsOf(node)) if (!computed.has(value)) needed.add(operand(node, value));
  const sources = [...needed].map((value) => {
    const tensor = tensorOf(value);
    if (tensor && !fed.has(value) && isInlined(tensor)) return inlined(value, tensor);
    const type = typeOfTensor(value) ?? known(value);
    return type && infoField("input", value.name, type);
  });
  if (!sources.every((field) => field !== null)) return null;
  const body = inOrder(included).map((node) => {
    if (!isWide(node)) return bytesOf(file, node.message.frame);
    return reading(node, (value) => operand(node, value).name);
  });
  const outputs = shown ?? [...computed];
  const names = [...outputs.map(({ name }) => name), ...shapesOf.map(shapeName)];
  const results = names.map((name) => infoField("output", name, null));
  const { opsets, functions, irVersion } = file.message;
  const bytes = modelOfFields(
    Math.max(irVersion, SKELETON_IR_VERSION),
    [...opsets, ...functions].map(({ frame }) => bytesOf(file, frame)),
    [...body, ...shapesOf.map(shapeNode), ...sources, ...results],
  );
  const model = withDataInside(bytes, file);
  return { model, title: `nodes of ${file.source.name}`, outputs };
}

const bytesOf = ({ reader }: ModelFile, { at, end }: { at: number; end: number }) =>
  reader.bytes({ start: at, end });

/** Number of inputs above which equal types share one: a session is quadratic in its inputs. */
const WIDE = 256;

const isWide = (node: Node) => node.inputs.length > WIDE;

/** Returns, for each value, the first requested one of the same type: they are inferred alike. */
function standIns(known: KnownType, fed: ReadonlySet<Value>) {
  const first = new Map<string, Value>();
  return (value: Value): Value => {
    const type = fed.has(value) || tensorOf(value) ? null : known(value);
    if (!type) return value;
    return entry(first, JSON.stringify(type), () => value);
  };
}

/** Returns a node's field with its inputs renamed. */
function reading(node: Node, nameOf: (value: Value) => string): Uint8Array {
  const { reader } = node.scope.file;
  const kept = [...reader.fields(node.message.frame)]
    .filter(({ number }) => number !== FIELD.nodeInput)
    .map((field) => reader.bytes(field));
  const input = node.inputs.map((value) => (value ? nameOf(value) : ""));
  return nodeField(concat([...kept, ...input.map((name) => slotField("input", name))]), false);
}

const shapeName = (value: Value) => `${value.name}:shape`;

const shapeNode = (value: Value) =>
  nodeFields([plainNode("Shape", [value.name], [shapeName(value)])], false);

const isLargeConstant = (node: Node) => {
  const tensor = node.op === "Constant" ? tensorOf(node.outputs[0]) : null;
  return tensor !== null && !isInlined(tensor);
};

function inlined(value: Value, tensor: TensorMessage): Uint8Array {
  const { file } = value.scope;
  const { name, dims, frame } = tensor;
  const loaded = (): DenseTensor => {
    const dtype = dataType(tensor.dataType)!.name;
    return { name, dims, dtype, data: tensorBytes(file, tensor) };
  };
  const parts = isExternal(tensor)
    ? [tensorMessage(loaded())]
    : partsOf(frame).map((part) => file.reader.bytes(part));
  return renamedInitializer(parts, value.name);
}
