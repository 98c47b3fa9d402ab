import ort from "onnxruntime-node";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/infer/infer-types.ts";

/** Multiply-adds of all products in a model (Conv, Gemm and MatMul), free dimensions being 1. */
export async function multiplyAdds(graph: Graph): Promise<number> {
  const { types } = await inferTypes(ort, graph);
  const dims = (value: Value | null) =>
    types.get(value!)!.shape!.map((dim) => (typeof dim === "number" ? dim : 1));
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  let total = 0;
  for (const { op, inputs, outputs } of graph.main.nodes) {
    if (!["Conv", "Gemm", "MatMul"].includes(op)) continue;
    const [out, weight] = [dims(outputs[0]), dims(inputs[1])];
    if (op === "Conv") total += size(out) * size(weight.slice(1));
    else if (op === "Gemm") total += (size(out) * size(weight)) / out.at(-1)!;
    else total += size(out) * dims(inputs[0]).at(-1)!;
  }
  return total;
}
