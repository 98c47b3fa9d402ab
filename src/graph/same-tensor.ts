import { dataType, elements, isFloat, showShape } from "../onnx/dtypes.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes, withTensorData } from "../onnx/model-file.ts";
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
  if (!dataType(x.dataType) || dtype(x) === "string")
    return equalRanges(a, x.frame, b, y.frame) ? null : "differs";
  const equal = withTensorData(a, x, (left, from) =>
    withTensorData(b, y, (right, to) => equalRanges({ source: left }, from, { source: right }, to)),
  );
  if (equal) return null;
  if (!isFloat(dtype(x)) || elements(x.dims) > COUNTED) return "differs";
  const [u, v] = [tensorBytes(a, x), tensorBytes(b, y)].map((raw) => decodeNumbers(dtype(x), raw));
  let [differing, largest] = [0, 0];
  for (let k = 0; k < u.length; k++) {
    if (u[k] === v[k]) continue;
    differing++;
    largest = Math.max(largest, Math.abs(u[k] - v[k]));
  }
  return `differs in ${differing.toLocaleString("en")} of ${u.length.toLocaleString("en")} values, by up to ${largest.toExponential(1)}`;
}
