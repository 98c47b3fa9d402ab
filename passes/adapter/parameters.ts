import { dataOf, dimsOf } from "../../src/graph/constants.ts";
import type { Graph, Use, Value } from "../../src/graph/graph.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import { typeOfTensor } from "../../src/graph/types.ts";

/** Inputs that say how an operator computes, or what its data was like: nothing that training changes. */
const SETTINGS: Readonly<Record<string, readonly number[] | undefined>> = {
  BatchNormalization: [3, 4],
  Clip: [1, 2],
  DequantizeLinear: [1],
  Dropout: [1],
  OneHot: [2],
  Pad: [2],
  QuantizeLinear: [1],
  Range: [0, 1, 2],
  Resize: [1, 2],
  Upsample: [1],
};

/** Names that torch.onnx.export makes up for a weight that it has turned or folded. */
export const MADE_UP = /^(onnx::|val_\d+$)/;

/** Names of constants that the code states where it needs them. */
const STATED = /(^|\/)Constant(_\d+)?_output_\d+$/;

/** Operators of which further operands are weights, whatever these are called. */
const WEIGHING =
  /^(Conv|ConvTranspose|DeformConv|Gemm|GRU|LSTM|MatMul|PRelu|RNN|\w*Normalization)$/;
/** Their operands that are none: the data, and the first states of a recurrence. */
const NO_WEIGHT = [0, 5, 6];

/**
 * Whether a float constant is a parameter, as PyTorch calls what its optimizers are given: not a
 * running mean or variance, a scale of a quantization or a number that the model's code states.
 */
export function isParameter(graph: Graph, value: Value): boolean {
  const { name, uses, producer } = value;
  const rank = dimsOf(value)!.length;
  if (uses.length > 0 && uses.every(isSetting)) return false;
  if (!MADE_UP.test(name) && !STATED.test(name)) return rank > 0 || producer === null;
  const weighs = uses.some(
    ({ node, index }) =>
      node.callee !== null || (WEIGHING.test(node.op) && !NO_WEIGHT.includes(index)),
  );
  return rank > 0 && (weighs || (!STATED.test(name) && looksLearned(graph, value)));
}

/** Whether most numbers of a constant differ from each other, and are none that people write. */
function looksLearned(graph: Graph, value: Value): boolean {
  const numbers = decodeNumbers(typeOfTensor(value)!.dtype, dataOf(graph, value)!);
  const odd = numbers.filter((each) => {
    const near = Number(each.toPrecision(DIGITS));
    return near !== each && Math.fround(near) !== each;
  });
  return new Set(odd).size > numbers.length / 2;
}

/** Significant digits of a number that people write. */
const DIGITS = 4;

const isSetting = ({ node: { op }, index }: Use) =>
  SETTINGS[op]?.includes(index) || op.startsWith("QLinear");
