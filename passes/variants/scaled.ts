import { float } from "../../src/onnx/new-node.ts";
import type { Building } from "./variant.ts";

/**
 * x times a factor: one number, or one for each feature in a shape that broadcasts. On a stream of
 * images, [N, C, H, W], this is a BatchNormalization in inference, x · factor + (−0) with mean 0,
 * variance 1 and no epsilon, which is exact and keeps the sign of zeros: after a Conv onnxruntime
 * folds it away as it does a Mul, and elsewhere it stays in the blocked layout (NCHWc) of the
 * convolutions around it and takes in the sum and the Relu behind it. A Mul forces the stream out of
 * that layout and back.
 *
 * Chosen by measurement, as test/bench/latency.ts does it: time over the original, `rw+lr` and `rw+lr+pa` at rank 16, medians of
 * 60 to 150 pairs of runs (processor time, one thread, onnxruntime-node 1.30, AVX-512).
 *
 * | form                                            | ResNet-50   | MobileNetV2 | ViT-tiny    |
 * |-------------------------------------------------|-------------|-------------|-------------|
 * | Mul; each lag's map apart, γ on the wide value  | 1.16 · 1.26 | 1.08 · 1.10 | 1.05 · 1.13 |
 * | BatchNormalization, the rest the same           | 1.07 · 1.16 | 1.05 · 1.08 |             |
 * | depthwise Conv of ones times the factor         | 1.07 · 1.15 | 1.05 · 1.07 |             |
 * | BatchNormalization, maps of all lags together   | 1.07 · 1.15 | 1.04 · 1.06 | 1.05 · 1.10 |
 * | the same, β on x first and the maps on β x      | 1.06 · 1.14 | 1.05 · 1.06 | 1.04 · 1.10 |
 * | the same, β on x and on B                       | 1.07 · 1.14 | 1.05 · 1.05 | 1.04 · 1.09 |
 * | multiply-adds alone                             | 1.04 · 1.09 | 1.02 · 1.03 | 1.02 · 1.07 |
 *
 * The fourth is taken, with γ on A where these rows had it on B. The last two gain little but where a
 * projection makes x (1 % of the ResNet), and read products of A, B and β where LR now reads A and B as
 * they are. The forms were tried with a switch that is no longer here; on the ViT the scale is a Mul in
 * every row. Without the blocked layout (level "extended") Mul and BatchNormalization cost the same and
 * the depthwise Conv more (`rw` on the ResNet: 1.00, 1.00, 1.04).
 */
export function scaled<V>(
  { op, place, constant }: Pick<Building<V>, "op" | "place" | "constant">,
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
