import { foldedConv, gemm, int, torchExport } from "./torch-export.ts";

/** Expansion, channels, blocks and first stride of each stage. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/**
 * torchvision's mobilenet_v2 with seeded weights, as torch.onnx.export writes it in eval mode:
 * every BatchNormalization folded into the Conv before it, ReLU6 as Clip, the batch free.
 * @see https://github.com/pytorch/vision/blob/main/torchvision/models/mobilenetv2.py
 */
export function mobilenetV2(side = 224): Uint8Array {
  const to = torchExport(538);
  const relu6 = (path: string, x: string) =>
    to.node(`${path}/Clip`, [
      x,
      to.scalar(`${path}/Constant`, 0),
      to.scalar(`${path}/Constant_1`, 6),
    ]);
  const block = (
    path: string,
    x: string,
    [from, width]: [number, number],
    expansion: number,
    stride: number,
  ) => {
    const wide = from * expansion;
    let layer = 0;
    let y = x;
    const normed = (channels: [number, number], kernel: number, options: object) => {
      y = relu6(
        `${path}/conv/conv.${layer}/conv.${layer}.2`,
        foldedConv(to, `${path}/conv/conv.${layer}/conv.${layer}.0`, y, channels, kernel, options),
      );
      layer++;
    };
    if (expansion > 1) normed([from, wide], 1, {});
    normed([wide, wide], 3, { stride, group: wide });
    const narrow = foldedConv(to, `${path}/conv/conv.${layer}`, y, [wide, width], 1, { gain: 0.5 });
    return stride === 1 && from === width ? to.node(`${path}/Add`, [x, narrow]) : narrow;
  };

  const stem = foldedConv(to, "/features/features.0/features.0.0", "input", [3, 32], 3, {
    stride: 2,
  });
  let x = relu6("/features/features.0/features.0.2", stem);
  let [channels, index] = [32, 1];
  for (const [expansion, width, blocks, stride] of STAGES)
    for (let k = 0; k < blocks; k++) {
      const path = `/features/features.${index++}`;
      x = block(path, x, [channels, width], expansion, k === 0 ? stride : 1);
      channels = width;
    }
  const head = "/features/features.18/features.18";
  x = relu6(`${head}.2`, foldedConv(to, `${head}.0`, x, [320, 1280], 1));
  x = to.node("/GlobalAveragePool", [x]);
  x = to.node("/Flatten", [x], [int("axis", 1)]);
  x = gemm(to, "/classifier/classifier.1", x, 1280, 1000);
  return to.model(x, ["batch", 3, side, side], ["batch", 1000]);
}
