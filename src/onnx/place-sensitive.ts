import { graphsIn } from "./all-tensors.ts";
import type { NodeMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";

/**
 * Operators that onnxruntime vectorizes from the first aligned number on, so that rounding depends
 * on the address of the numbers.
 */
const SENSITIVE = new Set(
  (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMean ReduceProd ReduceSum ReduceSumSquare " +
    "Softmax LogSoftmax BatchNormalization InstanceNormalization LpNormalization " +
    "MeanVarianceNormalization GlobalAveragePool AveragePool LpPool GlobalLpPool CumSum Mean Sum " +
    "Exp Log Tanh Sigmoid Softplus Softsign Erf Gelu Elu Selu Celu Mish Sin Cos Tan Pow"
  ).split(" "),
);

/** Operators whose result may share memory with their operand. */
const CARRIERS = new Set("Identity Reshape Flatten Squeeze Unsqueeze Dropout".split(" "));

/**
 * Returns the names of values that sensitive operators read. onnxruntime must place their numbers
 * itself for the result to stay bit-identical. The names of all scopes are in one set.
 */
export function placeSensitive({ graph, message }: ModelFile): ReadonlySet<string> {
  const names = new Set<string>();
  const functions = new Set(message.functions.map(({ domain, name }) => `${domain}.${name}`));
  const visit = (nodes: readonly NodeMessage[]): void => {
    for (let k = nodes.length - 1; k >= 0; k--) {
      const { opType, domain, inputs, outputs, attributes } = nodes[k];
      for (const body of graphsIn(attributes)) visit(body.nodes);
      const own = domain === "" || domain === "ai.onnx";
      if ((own && SENSITIVE.has(opType)) || functions.has(`${domain}.${opType}`))
        for (const name of inputs) names.add(name);
      else if (CARRIERS.has(opType) && outputs.some((name) => names.has(name)))
        names.add(inputs[0]);
    }
  };
  visit(graph.nodes);
  return names;
}
