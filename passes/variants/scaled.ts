import { float } from "../../src/onnx/new-node.ts";
import type { VariantBuilder } from "./variant.ts";

/**
 * Multiplies x by a factor: one number, or one per feature in a shape that broadcasts. On a stream
 * of images, [N, C, H, W], it writes a BatchNormalization in inference: x · factor + (−0) with mean
 * 0, variance 1 and no epsilon, which is exact and keeps the sign of zeros.
 *
 * A Mul would force the stream out of the blocked layout (NCHWc) of the convolutions around it and
 * back. The BatchNormalization stays in that layout, and onnxruntime folds it into a Conv as it
 * does a Mul. `npm run bench -- latency` measures the result.
 */
export function scaled<V>(
  { op, place, constant }: Pick<VariantBuilder<V>, "op" | "place" | "constant">,
  x: V,
  factor: V,
  perChannel = false,
): V {
  const { rank, feature, dtype } = place;
  if (rank !== 4 || feature.axis !== 1 || dtype !== "float") return op.Mul(x, factor);
  const filled = (value: number) => constant(value, dtype, [feature.size]);
  const scale = perChannel
    ? op.Reshape(factor, constant(-1, "int64", [1]))
    : op.Mul(filled(1), factor);
  const attributes = { epsilon: float(0) };
  return op.BatchNormalization(x, scale, filled(-0), filled(0), filled(1), attributes);
}
