import { attribute, type Graph, type Node, type Value } from "../../src/graph/graph.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";

/** A Gemm, MatMul or Conv with a constant weight, and its bias. */
export interface LinearLayer {
  readonly node: Node;
  readonly weight: Value;
  /** The axis of the weight that holds the outputs, and how many these are. */
  readonly axis: number;
  readonly outputs: number;
  readonly weightDims: readonly number[];
  readonly bias: LayerBias | null;
  /** The value that the layer computes, and the axis of its outputs. */
  readonly output: Value;
  readonly outputAxis: number;
}

/** A bias, and the node that adds it: the layer's own, or an Add after it. */
export interface LayerBias {
  readonly node: Node;
  readonly index: number;
  readonly value: Value;
  readonly dims: readonly number[];
}

/** What is known of a graph where layers are looked for. */
export interface KnownGraph {
  readonly graph: Graph;
  readonly types: Types;
  readonly constants: ReadonlySet<Value>;
}

/** Returns the linear layers of the main graph, in its order. */
export const linearLayers = (known: KnownGraph): LinearLayer[] =>
  known.graph.main.nodes.flatMap((node) => layerOf(known, node) ?? []);

function layerOf(known: KnownGraph, node: Node): LinearLayer | null {
  if (!["Gemm", "MatMul", "Conv"].includes(node.op)) return null;
  const [, weight] = node.inputs;
  const [output] = node.outputs;
  const weightDims = sizesOfConstant(known, weight);
  if (!weight || !output || !weightDims) return null;
  if (node.op === "Conv") {
    if ((attribute(node, "group")?.i ?? 1) !== 1) return null;
    return layer(known, node, { weight, weightDims, axis: 0, output, outputAxis: 1 });
  }
  if (weightDims.length !== 2) return null;
  const axis = node.op === "Gemm" && attribute(node, "transB")?.i ? 0 : 1;
  const rank = known.types.get(output)?.shape?.length ?? 2;
  return layer(known, node, { weight, weightDims, axis, output, outputAxis: rank - 1 });
}

function layer(
  known: KnownGraph,
  node: Node,
  found: Omit<LinearLayer, "node" | "outputs" | "bias">,
): LinearLayer {
  const outputs = found.weightDims[found.axis];
  const inside = node.inputs[2];
  if (node.op !== "MatMul") {
    const dims = sizesOfConstant(known, inside);
    const bias = inside && dims ? { node, index: 2, value: inside, dims } : null;
    return { ...found, node, outputs, bias };
  }
  const bias = addedTo(known, found.output, outputs);
  return { ...found, node, outputs, bias, output: bias?.node.outputs[0] ?? found.output };
}

/** The bias that an Add puts on a product that nothing else reads. */
function addedTo(known: KnownGraph, product: Value, outputs: number): LayerBias | null {
  const [use, ...others] = product.uses;
  if (!use || others.length > 0 || product.isOutput || use.node.op !== "Add") return null;
  const index = 1 - use.index;
  const value = use.node.inputs[index];
  const dims = sizesOfConstant(known, value);
  if (!value || dims?.at(-1) !== outputs) return null;
  return dims.slice(0, -1).every((dim) => dim === 1)
    ? { node: use.node, index, value, dims }
    : null;
}

/** The sizes of a float constant; null if the value is none. */
function sizesOfConstant(
  { types, constants }: KnownGraph,
  value: Value | null | undefined,
): readonly number[] | null {
  if (!value || !constants.has(value)) return null;
  const type = types.get(value);
  const isFixed = type?.shape?.every((dim) => typeof dim === "number");
  return isFixed && isFloat(type!.dtype) ? (type!.shape as readonly number[]) : null;
}

/** Operators that exporters end a node's name with. */
const LAST = /\/[^/]*$/;

/**
 * Returns the names of a layer, the most telling first: of its module by weight, bias and node, then
 * those of node, weight, bias and output themselves.
 */
export function namesOf({ node, weight, bias, output }: LinearLayer): string[] {
  const module = (name: string | undefined) =>
    name && /[./](weight|bias|kernel|W|b)$/.test(name) ? [name.replace(/[./][^./]*$/, "")] : [];
  const path = node.message.name.replace(LAST, "").replace(/^\//, "");
  const inner = path.split("/").at(-1) ?? "";
  const own = [node.message.name, weight.name, bias?.value.name, output.name];
  return [
    ...new Set(
      [...module(weight.name), ...module(bias?.value.name), inner, path, ...own].filter(
        (name): name is string => Boolean(name),
      ),
    ),
  ];
}
