import { foldedConv, gemm, int, torchExport, window } from "./torch-export.ts";

/**
 * torchvision's resnet50 with seeded weights, as torch.onnx.export writes it in eval mode: every
 * BatchNormalization folded into the Conv before it, nodes named after their modules, the batch free.
 * @see https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py
 */
export function resnet50(side = 224): Uint8Array {
  const to = torchExport(497);
  const bottleneck = (path: string, x: string, from: number, width: number, stride: number) => {
    const wide = 4 * width;
    const first = to.node(`${path}/relu/Relu`, [
      foldedConv(to, `${path}/conv1`, x, [from, width], 1),
    ]);
    const second = to.node(`${path}/relu/Relu_1`, [
      foldedConv(to, `${path}/conv2`, first, [width, width], 3, { stride }),
    ]);
    const branch = foldedConv(to, `${path}/conv3`, second, [width, wide], 1, { gain: 0.2 });
    const down = `${path}/downsample/downsample.0`;
    const skip =
      from === wide ? x : foldedConv(to, down, x, [from, wide], 1, { stride, gain: 0.7 });
    return to.node(`${path}/relu/Relu_2`, [to.node(`${path}/Add`, [branch, skip])]);
  };

  let x = to.node("/relu/Relu", [foldedConv(to, "/conv1", "input", [3, 64], 7, { stride: 2 })]);
  x = to.node("/maxpool/MaxPool", [x], [int("ceil_mode", 0), ...window(3, 2)]);
  let channels = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries())
    for (let block = 0; block < blocks; block++) {
      const [layer, width] = [`layer${stage + 1}`, 64 << stage];
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = bottleneck(`/${layer}/${layer}.${block}`, x, channels, width, stride);
      channels = 4 * width;
    }
  x = to.node("/avgpool/GlobalAveragePool", [x]);
  x = to.node("/Flatten", [x], [int("axis", 1)]);
  x = gemm(to, "/fc", x, 2048, 1000);
  return to.model(x, ["batch", 3, side, side], ["batch", 1000]);
}
