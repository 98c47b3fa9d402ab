import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";

const { onnx } = onnxProto;

const next = uniform(50, "resnet50");
/** Numbers in [-1, 1) for all weights in turn; a prime count, so that no two filters are alike. */
const POOL = Float32Array.from({ length: 999_983 }, () => 2 * next() - 1);

/**
 * torchvision's resnet50 with seeded weights, as torch.onnx.export writes it in eval mode: every
 * BatchNormalization folded into the Conv before it, nodes named after their modules, the batch free.
 * @see https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py
 */
export function resnet50(side = 224): Uint8Array {
  const node: object[] = [];
  const initializer: object[] = [];
  let folded = 497; // torch numbers what it folds
  let drawn = 0;

  const emit = (name: string, input: string[], attribute: object[] = []): string => {
    const output = name === "/fc/Gemm" ? "output" : `${name}_output_0`;
    const opType = name.slice(name.lastIndexOf("/") + 1).replace(/_\d+$/, "");
    node.push({ name, opType, input, output: [output], attribute });
    return output;
  };
  const weight = (name: string, dims: number[], bound: number): string => {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = bound * POOL[drawn++ % POOL.length];
    initializer.push({ name, dims, dataType: 1, rawData: new Uint8Array(values.buffer) });
    return name;
  };
  const conv = (
    name: string,
    x: string,
    [from, to]: number[],
    kernel: number,
    stride = 1,
    gain = 1,
  ) => {
    const bound = gain * Math.sqrt(6 / (from * kernel ** 2)); // He: variance 2 / fan-in
    const w = weight(`onnx::Conv_${folded++}`, [to, from, kernel, kernel], bound);
    const b = weight(`onnx::Conv_${folded++}`, [to], 0.1);
    return emit(
      `${name}/Conv`,
      [x, w, b],
      [ints("dilations", 1, 1), { name: "group", type: 2, i: 1 }, ...window(kernel, stride)],
    );
  };
  const bottleneck = (path: string, x: string, from: number, width: number, stride: number) => {
    const to = 4 * width;
    const narrow = emit(`${path}/relu/Relu`, [conv(`${path}/conv1`, x, [from, width], 1)]);
    const wide = emit(`${path}/relu/Relu_1`, [
      conv(`${path}/conv2`, narrow, [width, width], 3, stride),
    ]);
    const branch = conv(`${path}/conv3`, wide, [width, to], 1, 1, 0.2);
    const skip =
      from === to ? x : conv(`${path}/downsample/downsample.0`, x, [from, to], 1, stride, 0.7);
    return emit(`${path}/relu/Relu_2`, [emit(`${path}/Add`, [branch, skip])]);
  };

  let x = emit("/relu/Relu", [conv("/conv1", "input", [3, 64], 7, 2)]);
  x = emit("/maxpool/MaxPool", [x], [{ name: "ceil_mode", type: 2, i: 0 }, ...window(3, 2)]);
  let channels = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries())
    for (let block = 0; block < blocks; block++) {
      const [layer, width] = [`layer${stage + 1}`, 64 << stage];
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = bottleneck(`/${layer}/${layer}.${block}`, x, channels, width, stride);
      channels = 4 * width;
    }
  x = emit("/avgpool/GlobalAveragePool", [x]);
  x = emit("/Flatten", [x], [{ name: "axis", type: 2, i: 1 }]);
  emit(
    "/fc/Gemm",
    [x, weight("fc.weight", [1000, 2048], 0.02), weight("fc.bias", [1000], 0.02)],
    [
      { name: "alpha", type: 1, f: 1 },
      { name: "beta", type: 1, f: 1 },
      { name: "transB", type: 2, i: 1 },
    ],
  );

  const graph = {
    name: "main_graph",
    node,
    initializer,
    input: [tensor("input", ["batch", 3, side, side])],
    output: [tensor("output", ["batch", 1000])],
  };
  const opsetImport = [{ domain: "", version: 17 }];
  const header = { irVersion: 8, producerName: "pytorch", producerVersion: "2.4.0" };
  return onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({ ...header, graph, opsetImport }),
  ).finish();
}

const ints = (name: string, ...values: number[]) => ({ name, type: 7, ints: values });

/** Kernel, padding to the same size, and stride. */
const window = (kernel: number, stride: number) => {
  const pad = (kernel - 1) >> 1;
  return [
    ints("kernel_shape", kernel, kernel),
    ints("pads", pad, pad, pad, pad),
    ints("strides", stride, stride),
  ];
};

const tensor = (name: string, shape: (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: 1,
      shape: {
        dim: shape.map((size) =>
          typeof size === "string" ? { dimParam: size } : { dimValue: size },
        ),
      },
    },
  },
});
