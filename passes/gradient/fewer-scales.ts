import type { Builder } from "../../src/graph/builder.ts";
import { dataOf, numbersOfData } from "../../src/graph/constants.ts";
import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import type { FrozenValues } from "./fewer-normalizations.ts";

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
  /** The Add of the bias. */
  readonly add: Node | null;
  readonly reshape: Node | null;
}

/** The first opset with LayerNormalization; there is one since then. */
const LAYER = 17;

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
  const bare = { name, outputs: [name], attributes: {} };
  const more = sum ? [sum] : [];
  if (node.op === "Gemm") {
    const attributes = { transB: Number(transposed) };
    write.node({ ...bare, op: "Gemm", inputs: [rows, scaled, ...more], attributes });
  } else if (sum) write.node({ ...bare, op: "Add", inputs: [op.MatMul(rows, scaled), sum] });
  else write.node({ ...bare, op: "MatMul", inputs: [rows, scaled] });
}

function scaledOf({ types, frozen }: FrozenValues, node: Node): Scaled | null {
  if (node.op !== "LayerNormalization" || node.outputs.slice(1).some((value) => value)) return null;
  if (node.scope.file.opset < LAYER) return null;
  const [x, scale, bias = null] = node.inputs;
  const [output] = node.outputs;
  const { dtype, shape } = types.get(output!) ?? {};
  const width = shape?.at(-1);
  const { int, float } = attributesOf(node);
  if (!x || !scale || dtype !== "float" || typeof width !== "number") return null;
  if (placeOfAxis(int("axis", -1), shape!.length) !== shape!.length - 1) return null;
  if (
    ![scale, bias].every(
      (value) => !value || (frozen.has(value) && isOf(types.get(value)?.shape, [width])),
    )
  )
    return null;
  const data = dataOf(scale);
  const isDone = !bias && data && numbersOfData("float", data)!.every((value) => value === 1);
  return isDone
    ? null
    : { x, output: output!, scale, bias, width, epsilon: float("epsilon", 1e-5) };
}

const isOf = (shape: readonly unknown[] | null | undefined, sizes: readonly number[]) =>
  shape?.length === sizes.length && sizes.every((size, axis) => shape[axis] === size);

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
  const isBias = other && frozen.has(other) && isOf(types.get(other)?.shape, [shape[1] as number]);
  return {
    node,
    weight,
    transposed: false,
    bias: isBias ? other : null,
    add: isBias ? next : null,
    reshape: null,
  };
}
