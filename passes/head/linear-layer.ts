import { attribute, type Graph, type Node, type Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { behind } from "../../src/graph/walk.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { nodeMetadata } from "../../src/onnx/model-file.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { notedPath } from "./module-paths.ts";

/** A linear operator with a constant weight, and its bias. */
export interface LinearLayer {
  readonly node: Node;
  readonly weight: Value;
  /** The input slot of the weight. */
  readonly index: number;
  /** The axis of the weight that holds the outputs, and how many these are. */
  readonly axis: number;
  readonly outputs: number;
  readonly weightDims: readonly number[];
  readonly bias: LayerBias | null;
  /** The value that the layer computes, and the axis of its outputs. */
  readonly output: Value;
  readonly outputAxis: number;
  /** How an integer or fused layer is written in floats before it is replaced; null for floats. */
  readonly lowered: "quantized" | "fused" | "integer product" | null;
}

/** A bias, and the node that adds it: the layer's own, or an Add after it. */
interface LayerBias {
  readonly node: Node;
  readonly index: number;
  readonly value: Value;
  readonly dims: readonly number[];
  /** Nodes between product and sum that round to integers and back. */
  readonly through: readonly Node[];
}

/** A linear operator: its family, the slots of weight and bias, and how floats replace it. */
interface Form {
  readonly family: "gemm" | "matmul" | "conv" | "transposed" | "packed";
  readonly weight: number;
  readonly bias: number | null;
  readonly lowered?: LinearLayer["lowered"];
}

const quantized = { lowered: "quantized" } as const;
const fused = { lowered: "fused" } as const;
const FORMS: Readonly<Record<string, Form>> = {
  Gemm: { family: "gemm", weight: 1, bias: 2 },
  MatMul: { family: "matmul", weight: 1, bias: null },
  Conv: { family: "conv", weight: 1, bias: 2 },
  ConvTranspose: { family: "transposed", weight: 1, bias: 2 },
  MatMulInteger: { family: "matmul", weight: 1, bias: null, lowered: "integer product" },
  ConvInteger: { family: "conv", weight: 1, bias: null, lowered: "integer product" },
  QLinearConv: { family: "conv", weight: 3, bias: 8, ...quantized },
  QLinearMatMul: { family: "matmul", weight: 3, bias: null, ...quantized },
  "com.microsoft.QGemm": { family: "gemm", weight: 3, bias: 6, ...quantized },
  "com.microsoft.FusedGemm": { family: "gemm", weight: 1, bias: 2, ...fused },
  "com.microsoft.FusedMatMul": { family: "matmul", weight: 1, bias: null, ...fused },
  "com.microsoft.FusedConv": { family: "conv", weight: 1, bias: 2, ...fused },
  "com.microsoft.DynamicQuantizeMatMul": { family: "matmul", weight: 1, bias: 4, ...quantized },
  "com.microsoft.MatMulIntegerToFloat": { family: "matmul", weight: 1, bias: 6, ...quantized },
  "com.microsoft.MatMulNBits": { family: "packed", weight: 1, bias: 5, ...quantized },
};

/** Returns the linear layers of the main graph, in its order. */
export const linearLayers = (known: KnownGraph): LinearLayer[] =>
  known.graph.main.nodes.flatMap((node) => layerOf(known, node) ?? []);

function layerOf(known: KnownGraph, node: Node): LinearLayer | null {
  const form = own(FORMS, node.op);
  if (!form) return null;
  const weight = node.inputs[form.weight];
  const output = node.outputs[0];
  const weightDims = sizesOfConstant(known, weight, !form.lowered);
  if (!weight || !output || !weightDims) return null;
  const axes = axesOf(known, node, form, weightDims);
  if (!axes) return null;
  const { lowered = null } = form;
  const product = lowered === "integer product" ? integerProduct(node) : null;
  if (lowered === "integer product" && !product) return null;
  const from = { node, weight, index: form.weight, weightDims, lowered, ...axes };
  const layer = { ...from, output: product?.output ?? output };
  const value = form.bias === null ? null : node.inputs[form.bias];
  const dims = sizesOfConstant(known, value, !lowered);
  if (value && dims && !lowered)
    return { ...layer, bias: { node, index: form.bias!, value, dims, through: [] } };
  const bias = value ? null : addedTo(known, layer);
  return { ...layer, bias, output: bias?.node.outputs[0] ?? layer.output };
}

/** The axes of the outputs in the weight and in what is computed, and their number. */
function axesOf(
  { types }: KnownGraph,
  node: Node,
  { family }: Form,
  dims: readonly number[],
): Pick<LinearLayer, "axis" | "outputAxis" | "outputs"> | null {
  const last = (types.get(node.outputs[0]!)?.shape?.length ?? 2) - 1;
  const integer = (name: string, otherwise: number) => attribute(node, name)?.i ?? otherwise;
  if (family === "conv" || family === "transposed") {
    if (integer("group", 1) !== 1) return null;
    const axis = family === "conv" ? 0 : 1;
    const outputAxis = integer("channels_last", 0) === 1 ? last : 1;
    return { axis, outputAxis, outputs: dims[axis] };
  }
  if (family === "packed") return { axis: 0, outputAxis: last, outputs: integer("N", 0) };
  if (dims.length !== 2) return null;
  const axis = integer("transB", 0) === 1 ? 0 : 1;
  return { axis, outputAxis: last, outputs: dims[axis] };
}

/** The bias that an Add puts on a product that nothing else reads. */
function addedTo(
  known: KnownGraph,
  { output: product, outputs, outputAxis }: Pick<LinearLayer, "output" | "outputs" | "outputAxis">,
): LayerBias | null {
  const through: Node[] = [];
  let use = onlyUse(product);
  while (use && (use.node.op === "QuantizeLinear" || use.node.op === "DequantizeLinear")) {
    through.push(use.node);
    use = onlyUse(use.node.outputs[0]!);
  }
  if (use?.node.op !== "Add") return null;
  const index = 1 - use.index;
  const value = use.node.inputs[index];
  const dims = sizesOfConstant(known, value);
  const rank = known.types.get(product)?.shape?.length;
  if (!value || !dims || rank === undefined) return null;
  const place = dims.length - rank + outputAxis;
  const fits = dims.every((dim, at) => dim === (at === place ? outputs : 1));
  return fits && place >= 0 ? { node: use.node, index, value, dims, through } : null;
}

const onlyUse = ({ uses, isOutput }: Value) => (uses.length === 1 && !isOutput ? uses[0] : null);

/** The sizes of a constant, of floats by default; null if the value is not one. */
function sizesOfConstant(
  { types, constants }: KnownGraph,
  value: Value | null | undefined,
  floats = true,
): readonly number[] | null {
  if (!value || !constants.has(value)) return null;
  const type = types.get(value);
  const isFixed = type?.shape?.every((dim) => typeof dim === "number");
  return isFixed && (!floats || isFloat(type!.dtype)) ? (type!.shape as readonly number[]) : null;
}

/** Returns the initializers that a constant is computed from by nodes that read one tensor each. */
export const sourceOfWeight = (value: Value): Value => behind(value, () => true);

/** Whether a layer is a cosine classifier's: its weight, or its input without a bias, has length 1. */
export const comparesDirections = ({ node, weight, bias }: LinearLayer): boolean =>
  isDirection(behind(weight, ({ op }) => op === "Transpose" || op === "Cast")) ||
  (bias === null && isDirection(node.inputs[0]));

/** Whether a value is divided by what is computed of it alone. */
function isDirection(value: Value | null): boolean {
  const { op, inputs } = value?.producer ?? { op: "", inputs: [] };
  if (op !== "Div") return op === "LpNormalization";
  const [x, length] = inputs;
  return x !== null && length !== null && behind(length, (node) => node !== x.producer) === x;
}

/** Operators that exporters end a node's name with. */
const LAST = /\/[^/]*$/;

/** The name of a weight's module: what precedes its own name, and what quantizers append. */
function moduleOf(name: string | undefined): string[] {
  const own = name?.replace(/_(Transposed|quantized|Q4|Q8|DequantizeLinear_Output)+$/, "");
  const isWeight = /[./](weight|bias|kernel|W|b)(_Transposed)?$/;
  return own && isWeight.test(own) ? [own.replace(/[./][^./]*$/, "")] : [];
}

/**
 * Returns the names of a layer, the most telling first. Those of its module come first, by weight,
 * bias, node and what the exporter notes; then those of node, weight, bias and output themselves.
 */
export function namesOf({ file }: Graph, { node, weight, bias, output }: LinearLayer): string[] {
  const noted = notedPath(nodeMetadata(file, node.message)) ?? "";
  const path = node.message.name.replace(LAST, "").replace(/^\//, "");
  const inner = path.split("/").at(-1) ?? "";
  const source = sourceOfWeight(weight).name;
  const own = [node.message.name, source, weight.name, bias?.value.name, output.name];
  const modules = [source, bias && sourceOfWeight(bias.value).name, bias?.value.name];
  return [
    ...new Set(
      [
        ...modules.flatMap((name) => moduleOf(name ?? undefined)),
        noted,
        inner,
        path,
        ...own,
      ].filter((name): name is string => Boolean(name)),
    ),
  ];
}

/** What dynamic quantization makes of a product: floats rounded, multiplied, cast and scaled. */
export interface IntegerProduct {
  /** The floats that are rounded. */
  readonly input: Value;
  /** The scaled product, and all nodes behind the integer product up to it. */
  readonly output: Value;
  readonly nodes: readonly Node[];
}

/** Returns a dynamically quantized product; null if the node is not part of one. */
export function integerProduct(node: Node): IntegerProduct | null {
  const rounding = node.inputs[0]?.producer;
  const input = rounding?.op === "DynamicQuantizeLinear" ? rounding.inputs[0] : null;
  const cast = onlyReader(node, "Cast");
  const scaled = cast && onlyReader(cast, "Mul");
  const output = scaled?.outputs[0];
  return input && cast && scaled && output ? { input, output, nodes: [node, cast, scaled] } : null;
}

function onlyReader({ outputs: [output] }: Node, op: string): Node | null {
  const use = output && onlyUse(output);
  return use?.node.op === op ? use.node : null;
}
