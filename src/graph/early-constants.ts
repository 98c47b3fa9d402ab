import { dataType, dataTypeNamed } from "../onnx/dtypes.ts";
import { constantNode, type DenseTensor, plainNode } from "../onnx/new-node.ts";
import { dataOf, numbersOfData, tensorOf } from "./constants.ts";
import type { Graph, Scope } from "./graph.ts";
import type { NewContents, Patch } from "./patch-contents.ts";
import { encodeNumbers } from "./tensor.ts";

/** The first opset in which a Constant may hold integers and booleans. */
const ANY_CONSTANT = 9;

/** The types that a Constant may hold before that opset. */
const FIRST_TYPES: ReadonlySet<string> = new Set(["float16", "float", "double"]);

const limitsConstants = ({ file }: Graph): boolean => file.opset < ANY_CONSTANT;

/**
 * Converts a tensor of integers to doubles, which hold every integer below 2⁵³, and a Cast back;
 * returns null for other types.
 */
function asDoubles({ names }: Graph, { name, dtype, dims, data }: DenseTensor) {
  const numbers = FIRST_TYPES.has(dtype) ? null : numbersOfData(dtype, data);
  if (numbers === null) return null;
  let double = `${name}.double`;
  while (names.has(double)) double += "_";
  const to = dataTypeNamed(dtype)!.number;
  return {
    tensor: { name: double, dtype: "double", dims, data: encodeNumbers("double", numbers) },
    cast: plainNode("Cast", [double], [name], { name, attributes: { to } }),
  };
}

/**
 * Returns the patch with new tensors that ONNX's schemas allow. Below IR version 4, new tensors
 * become Constants, which hold only floats before opset 9; other types are cast from doubles.
 */
export function withAllowedTensors(graph: Graph, patch: NewContents): NewContents {
  if (graph.file.message.irVersion >= 4 || !limitsConstants(graph)) return patch;
  const splits = patch.tensors.map((tensor) => asDoubles(graph, tensor));
  const firstOf = ({ nodes, message }: Scope) =>
    nodes.find((node) => node.message === message.nodes[0]) ?? null;
  const casts = splits.flatMap((split, k) => {
    const { scope } = patch.tensors[k];
    return split ? [{ before: firstOf(scope ?? graph.main), scope, node: split.cast }] : [];
  });
  return {
    ...patch,
    tensors: patch.tensors.map((tensor, k) => ({ ...tensor, ...splits[k]?.tensor })),
    nodes: [...casts, ...patch.nodes],
  };
}

/** Casts the integers of the main graph's Constants from doubles; returns null if none is there. */
export function withAllowedConstants(graph: Graph): Patch | null {
  const nodes = limitsConstants(graph) ? graph.main.nodes : [];
  const replaced = nodes.flatMap((node) => {
    const [output] = node.outputs;
    const tensor = node.op === "Constant" ? tensorOf(output) : null;
    const dtype = tensor && dataType(tensor.dataType)?.name;
    if (!dtype) return [];
    const [{ name }, { dims }] = [output!, tensor];
    const split = asDoubles(graph, { name, dtype, dims, data: dataOf(output)! });
    return split ? [{ node, by: [constantNode(split.tensor), split.cast] }] : [];
  });
  return replaced.length === 0 ? null : { replaced };
}
