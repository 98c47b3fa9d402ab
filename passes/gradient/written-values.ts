import type { Builder } from "../../src/graph/builder.ts";
import { numbersOfData } from "../../src/graph/constants.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import type { NewNode } from "../../src/onnx/new-node.ts";

/** What is known of values that were written. */
export type WrittenValues = ReturnType<typeof writtenValues>;

/** Reads the nodes and constants that were written so far. */
export function writtenValues(builder: Builder) {
  const makers = new Map<string, NewNode>();
  const numbers = new Map<string, number>();
  const lists = new Map<string, readonly number[]>();
  let [nodes, tensors] = [0, 0];
  const readTensors = () => {
    for (; tensors < builder.tensors.length; tensors++) {
      const { name, dtype, dims, data } = builder.tensors[tensors];
      if (dims.length === 0 && holds(dtype)) numbers.set(name, decodeNumbers(dtype, data)[0]);
      if (dims.length === 1 && dtype === "int64") lists.set(name, numbersOfData(dtype, data)!);
    }
  };
  return {
    /** Returns the node that makes a value. */
    makerOf(name: string): NewNode | undefined {
      for (; nodes < builder.nodes.length; nodes++) {
        const { node } = builder.nodes[nodes];
        makers.set(node.outputs[0], node);
      }
      return makers.get(name);
    },
    /** Returns a scalar constant; NaN for another value. */
    numberOf(name: string): number {
      readTensors();
      return numbers.get(name) ?? Number.NaN;
    },
    /** Returns a constant list of integers; null for another value. */
    intsOf(name: string): readonly number[] | null {
      readTensors();
      return lists.get(name) ?? null;
    },
  };
}

/** Whether numbers of a type are wide enough to defer a factor. */
export const holds = (dtype: string) => dtype === "float" || dtype === "double";
