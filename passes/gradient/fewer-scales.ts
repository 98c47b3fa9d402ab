import type { Builder } from "../../src/graph/builder.ts";
import type { Node, Types, Use, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import type { FrozenValues } from "./fewer-normalizations.ts";
import { repeats } from "./gradient-node.ts";

/** A LayerNormalization over the last axis whose scale and bias are frozen. */
interface Scaled {
  readonly x: Value;
  readonly output: Value;
  readonly scale: Value;
  readonly bias: Value | null;
  readonly width: number;
  readonly epsilon: number;
}

/** A linear layer with frozen weights: MatMul, MatMul and Add, or Gemm, behind a Reshape to rows if any. */
interface Linear {
  readonly node: Node;
  readonly weight: Value;
  readonly transposed: boolean;
  readonly bias: Value | null;
  readonly add: Node | null;
  readonly reshape: Node | null;
}

/**
 * Moves the frozen scale and bias of a LayerNormalization into the linear layers behind it, if nothing
 * else reads it. Returns the nodes that are replaced; none for another node. The output is then the
 * normalized value, which the gradient reads, so it is computed once. The gradient needs no product
 * with the scale.
 */
export function intoLinear(known: FrozenValues, write: Builder, node: Node): readonly Node[] {
  const scale = scaledOf(known, node);
  if (!scale) return [];
  const { x, output, width, epsilon } = scale;
  const readers = output.uses.map((use) => linearOf(known, use, width));
  if (output.isOutput || readers.length === 0 || readers.includes(null)) return [];
  const layers = readers as readonly Linear[];
  // A layer without a bias would gain one: a pass over what it gives, which may be wide.
  if (scale.bias && layers.some((layer) => !layer.bias)) return [];
  write.about(`${output.name}.normalized`, node);
  const ones = write.constant("float", [width], new Float32Array(width).fill(1));
  const attributes = { axis: -1, epsilon: float(epsilon) };
  const [normalized] = write.op.LayerNormalization(x.name, ones, null, attributes, 3);
  for (const layer of layers) writeLayer(write, layer, scale, normalized);
  return [node, ...layers.flatMap(nodesOf)];
}

const nodesOf = ({ node, add, reshape }: Linear) =>
  [node, add, reshape].filter((part): part is Node => part !== null);

/** Writes a linear layer with scaled weights and a moved bias under its old name. */
function writeLayer(
  write: Builder,
  layer: Linear,
  { scale, bias, width }: Scaled,
  x: string,
): void {
  const { node, weight, transposed, add, reshape } = layer;
  const last = add ?? node;
  const name = last.outputs[0]!.name;
  write.about(name, last);
  const { op, to } = write;
  const w = weight.name;
  const factor = transposed ? scale.name : to.reshape(scale.name, [width, 1]);
  const scaled = op.Mul(w, factor);
  const moved = bias && (transposed ? op.MatMul(w, bias.name) : op.MatMul(bias.name, w));
  const sum = moved && layer.bias ? op.Add(moved, layer.bias.name) : layer.bias?.name;
  const rows = reshape ? op.Reshape(x, reshape.inputs[1]!.name) : x;
  if (node.op === "Gemm") {
    const inputs = sum ? [rows, scaled, sum] : [rows, scaled];
    write.into(name, "Gemm", inputs, { transB: Number(transposed) });
  } else if (sum) write.into(name, "Add", [op.MatMul(rows, scaled), sum]);
  else write.into(name, "MatMul", [rows, scaled]);
}

function scaledOf({ types, frozen }: FrozenValues, node: Node): Scaled | null {
  if (node.op !== "LayerNormalization" || node.outputs.slice(1).some((value) => value)) return null;
  if (node.scope.file.opset < sinceOf(node.op)) return null;
  const [x, scale, bias = null] = node.inputs;
  const [output] = node.outputs;
  const { dtype, shape } = types.get(output!) ?? {};
  const width = shape?.at(-1);
  const { int, float } = attributesOf(node);
  if (!x || !scale || dtype !== "float" || typeof width !== "number") return null;
  if (placeOfAxis(int("axis", -1), shape!.length) !== shape!.length - 1) return null;
  const isRow = (value: Value) => frozen.has(value) && isRowOf(types, value, width);
  if (![scale, bias].every((value) => !value || isRow(value))) return null;
  if (!bias && repeats(types, scale, 1)) return null;
  return { x, output: output!, scale, bias, width, epsilon: float("epsilon", 1e-5) };
}

const isRowOf = (types: Types, value: Value, size: number) =>
  String(types.get(value)?.shape) === String([size]);

/** The linear layer that one use of a normalization goes into; null for anything else. */
function linearOf(known: FrozenValues, { node, index }: Use, width: number): Linear | null {
  const [output] = node.outputs;
  if (index !== 0 || !output) return null;
  if (node.op !== "Reshape") return layerOf(known, node, width);
  const [use] = output.uses;
  const shape = known.types.get(output)?.shape;
  const isRows = shape?.length === 2 && shape[1] === width && !output.isOutput;
  if (!isRows || output.uses.length !== 1 || use.index !== 0) return null;
  const behind = layerOf(known, use.node, width);
  return behind && { ...behind, reshape: node };
}

function layerOf({ types, frozen }: FrozenValues, node: Node, width: number): Linear | null {
  const [, weight, bias = null] = node.inputs;
  const shape = weight && types.get(weight)?.shape;
  if (!weight || shape?.length !== 2 || !frozen.has(weight) || weight.uses.length > 1) return null;
  const { int, float } = attributesOf(node);
  if (node.op === "Gemm") {
    const transposed = int("transB", 0) === 1;
    const isPlain = float("alpha", 1) === 1 && float("beta", 1) === 1 && int("transA", 0) === 0;
    const isBias = !bias || (frozen.has(bias) && types.get(bias)?.shape?.length === 1);
    if (!isPlain || !isBias || shape[transposed ? 1 : 0] !== width) return null;
    return { node, weight, transposed, bias, add: null, reshape: null };
  }
  if (node.op !== "MatMul" || shape[0] !== width) return null;
  const [output] = node.outputs;
  const next = output!.uses.length === 1 && !output!.isOutput ? output!.uses[0].node : null;
  const other = next?.op === "Add" ? next.inputs.find((value) => value !== output) : null;
  const isBias = other && frozen.has(other) && isRowOf(types, other, shape[1] as number);
  const added = isBias ? { bias: other, add: next } : { bias: null, add: null };
  return { node, weight, transposed: false, ...added, reshape: null };
}
