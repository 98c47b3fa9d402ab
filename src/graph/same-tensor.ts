import { equalBytes } from "../onnx/bytes.ts";
import { dataType, elements, isFloat, showShape } from "../onnx/dtypes.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { decodeNumbers } from "./tensor.ts";

/** Number of elements up to which the size of the difference is reported. */
const COUNTED = 1 << 26;

/** Describes how a tensor differs between two models; returns null if it is equal. */
export function tensorDifference(
  a: ModelFile,
  x: TensorMessage,
  b: ModelFile,
  y: TensorMessage,
): string | null {
  const dtype = (tensor: TensorMessage) =>
    dataType(tensor.dataType)?.name ?? `type ${tensor.dataType}`;
  if (x.dataType !== y.dataType || x.dims.join() !== y.dims.join())
    return `is ${dtype(x)} ${showShape(x.dims)} in the first, ${dtype(y)} ${showShape(y.dims)} in the second`;
  const external = x.dataLocation === 1 || y.dataLocation === 1;
  if (!external && x.raw && y.raw && equalRanges(a, x.raw, b, y.raw)) return null;
  if (!dataType(x.dataType) || dtype(x) === "string")
    return equalRanges(a, x.frame, b, y.frame) ? null : "differs";
  const [left, right] = [tensorBytes(a, x), tensorBytes(b, y)];
  if (equalBytes(left, right)) return null;
  if (!isFloat(dtype(x)) || elements(x.dims) > COUNTED) return "differs";
  const [u, v] = [decodeNumbers(dtype(x), left), decodeNumbers(dtype(x), right)];
  let [differing, largest] = [0, 0];
  for (let k = 0; k < u.length; k++) {
    if (u[k] === v[k]) continue;
    differing++;
    largest = Math.max(largest, Math.abs(u[k] - v[k]));
  }
  return `differs in ${differing.toLocaleString("en")} of ${u.length.toLocaleString("en")} values, by up to ${largest.toExponential(1)}`;
}
