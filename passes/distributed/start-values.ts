import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { dataTypeNamed, elements } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { StateTensor } from "./manifest.ts";

/** Returns what weights and state begin with: the model's weights, copies of them, or zeros. */
export function startValues(
  state: readonly StateTensor[],
  weightOf: (name: string) => DenseTensor,
): DenseTensor[] {
  return state.map(({ key, dtype, shape, role, input, copies }) => {
    const { name: type, bits } = dataTypeNamed(dtype)!;
    const copied = (name: string) => {
      const from = weightOf(name);
      return encodeNumbers(type, decodeNumbers(from.dtype, from.data));
    };
    const start = () => (copies ? copied(copies) : new Uint8Array((elements(shape) * bits) / 8));
    const data = role === "weight" ? weightOf(input).data : start();
    return { name: key, dtype: type, dims: shape, data };
  });
}
