import { entry } from "../entry.ts";
import { tensorOf, typeOfTensor } from "../graph/constants.ts";
import { type KnownType, type Node, outputsOf, readsOf, type Value } from "../graph/graph.ts";
import { inOrder } from "../graph/scopes.ts";
import { elements, type Type } from "../onnx/dtypes.ts";
import { excerptBytes } from "../onnx/excerpt.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { plainNode } from "../onnx/new-node.ts";
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
  const initializers: { readonly name: string; readonly tensor: TensorMessage }[] = [];
  const inputs: { readonly name: string; readonly type: Type }[] = [];
  for (const value of needed) {
    const tensor = tensorOf(value);
    if (tensor && !fed.has(value) && isInlined(tensor)) {
      initializers.push({ name: value.name, tensor });
      continue;
    }
    const type = typeOfTensor(value) ?? known(value);
    if (!type) return null;
    inputs.push({ name: value.name, type });
  }
  const outputs = shown ?? [...computed];
  const bytes = excerptBytes(file, {
    irVersion: Math.max(file.message.irVersion, SKELETON_IR_VERSION),
    nodes: inOrder(included).map((node) => ({
      message: node.message,
      inputs: isWide(node)
        ? node.inputs.map((value) => (value ? operand(node, value).name : ""))
        : undefined,
    })),
    added: shapesOf.map((value) => plainNode("Shape", [value.name], [shapeName(value)])),
    initializers,
    inputs,
    outputs: [...outputs.map(({ name }) => name), ...shapesOf.map(shapeName)],
  });
  const model = withDataInside(bytes, file);
  return { model, title: `nodes of ${file.source.name}`, outputs };
}

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

const shapeName = (value: Value) => `${value.name}:shape`;

const isLargeConstant = (node: Node) => {
  const tensor = node.op === "Constant" ? tensorOf(node.outputs[0]) : null;
  return tensor !== null && !isInlined(tensor);
};
