import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Graph, Node, Types } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { averagePool, convolution, type DoubleRule } from "./double-convolution.ts";
import { type At, nodeAt } from "./node-at.ts";

const number = ({ constant }: Builder, value: number) => constant("double", [], [value]);

/** Abramowitz and Stegun 7.1.26: within 1.5e-7, a rounding of single precision. */
const ERF = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];

const erf: DoubleRule = (to, _, [x]) => {
  const { op } = to;
  const magnitude = op.Abs(x);
  const one = number(to, 1);
  const t = op.Div(one, op.Add(one, op.Mul(number(to, 0.3275911), magnitude)));
  const series = ERF.reduce(
    (sum, factor) => op.Mul(op.Add(sum, number(to, factor)), t),
    number(to, 0),
  );
  const rest = op.Mul(series, op.Exp(op.Neg(op.Mul(x, x))));
  return op.Mul(to.to.sign(x, "double"), op.Sub(one, rest));
};

const leakyRelu: DoubleRule = (to, at, [x]) => {
  const zero = number(to, 0);
  const below = to.op.Mul(to.op.Min([x, zero]), number(to, at.float("alpha", 0.01)));
  return to.op.Add(to.op.Max([x, zero]), below);
};

/** a x + b between 0 and 1. */
function ramp(to: Builder, x: string, a: number, b: number): string {
  const line = to.op.Add(to.op.Mul(x, number(to, a)), number(to, b));
  return to.op.Max([to.op.Min([line, number(to, 1)]), number(to, 0)]);
}

/** The axes behind the channels; null if the rank is not known. */
const spaceOf = (at: At) => at.shape(0)?.flatMap((_, axis) => (axis < 2 ? [] : [axis])) ?? null;

const overSpace =
  (form: "ReduceMean" | "ReduceMax"): DoubleRule =>
  (to, at, [x]) => {
    const axes = spaceOf(at);
    return axes && to.to.reduce(form, x, axes);
  };

const instanceNorm: DoubleRule = (to, at, [x, scale, bias]) => {
  const axes = spaceOf(at);
  if (!axes) return null;
  const { op } = to;
  const mean = (of: string) => to.to.reduce("ReduceMean", of, axes);
  const centered = op.Sub(x, mean(x));
  const variance = mean(op.Mul(centered, centered));
  const deviation = op.Sqrt(op.Add(variance, number(to, at.float("epsilon", 1e-5))));
  const row = (of: string) => to.to.reshape(of, [-1, ...axes.map(() => 1)]);
  return op.Add(op.Mul(op.Div(centered, deviation), row(scale)), row(bias));
};

/** Operators for which onnxruntime has no kernel in double, by others. */
const RULES: Readonly<Record<string, DoubleRule>> = {
  AveragePool: averagePool,
  Conv: convolution,
  Erf: erf,
  GlobalAveragePool: overSpace("ReduceMean"),
  GlobalMaxPool: overSpace("ReduceMax"),
  HardSigmoid: (to, at, [x]) => ramp(to, x, at.float("alpha", 0.2), at.float("beta", 0.5)),
  HardSwish: (to, _, [x]) => to.op.Mul(x, ramp(to, x, 1 / 6, 0.5)),
  InstanceNormalization: instanceNorm,
  LeakyRelu: leakyRelu,
};

/**
 * Returns a model in double whose operators without a kernel for double are written by others, to be
 * run in its place. `types` are those of values by their names.
 */
export function withDoubleKernels(
  { graph, file }: Pick<Model, "graph" | "file">,
  types: Types,
): ModelFile {
  const to = newBuilder(graph, "double");
  const removed = graphNodes(graph).filter((node) => rewritten(to, graph, node, types));
  return patchedFile(file, { nodes: to.nodes, tensors: to.tensors, removed });
}

function rewritten(to: Builder, graph: Graph, node: Node, types: Types): boolean {
  const [output] = node.outputs;
  const rule = own(RULES, node.op);
  if (!rule || !output) return false;
  to.about(`${output.name}.double`, node);
  const at = nodeAt({ graph, types, constants: new Set() }, node);
  const result = rule(
    to,
    at,
    node.inputs.map((value) => value?.name ?? ""),
  );
  if (result === null) return false;
  to.copy(result, output.name);
  return true;
}
