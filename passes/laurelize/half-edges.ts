import type { Node, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";

const HALF = operatorsThat("half");

/**
 * Whether a value goes between two nodes that both run in half precision on onnxruntime's CPU
 * provider. onnxruntime silently promotes such a node to single precision when all its neighbors
 * run in single precision, as inserted nodes would. So whatever is inserted between the two must
 * begin and end in half precision, or the result is rounded differently.
 */
export const isHalfEdge = ({ producer }: Value, reader: Node, dtype: string) =>
  dtype === "float16" && producer !== null && HALF.has(producer.op) && HALF.has(reader.op);
