import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { dataTypeNamed, elements } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { StateTensor } from "./manifest.ts";

/** The values that weights and state begin with: the model's weights, copies of them, or zeros. */
export function startValues(
  state: readonly StateTensor[],
  weightOf: (name: string) => DenseTensor,
): DenseTensor[] {
  return state.map(({ key, dtype, shape, role, input, copies }) => {
    const type = dataTypeNamed(dtype)!.name;
    if (role === "weight")
      return { name: key, dtype: type, dims: shape, data: weightOf(input).data };
    if (copies === undefined) {
      const size = (elements(shape) * dataTypeNamed(dtype)!.bits) / 8;
      return { name: key, dtype: type, dims: shape, data: new Uint8Array(size) };
    }
    const from = weightOf(copies);
    const data = encodeNumbers(type, decodeNumbers(from.dtype, from.data));
    return { name: key, dtype: type, dims: shape, data };
  });
}
