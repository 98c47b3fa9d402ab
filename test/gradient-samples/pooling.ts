import type { poolings } from "../../passes/gradient/pooling.ts";
import { at, positive, type Sample, type Samples, single, unary } from "./sample.ts";

const pool =
  (op: string) =>
  (attributes: string, x: number[], opset = 18): Sample =>
    single(unary(`y = ${op} <${attributes}> (x)`, x, { opset }));
const [average, largest] = [pool("AveragePool"), pool("MaxPool")];

/** Samples of poolings. */
export const poolingSamples: Samples<typeof poolings> = {
  AveragePool: [
    ...[7, 10, 19].map((opset) =>
      average("kernel_shape = [2, 2], strides = [2, 2]", [2, 3, 4, 6], opset),
    ),
    average("kernel_shape = [3, 3], pads = [1, 1, 1, 1]", [2, 3, 4, 5]),
    average("kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1", [2, 3, 4, 5]),
    average("kernel_shape = [3, 2], strides = [2, 1], pads = [1, 0, 0, 1]", [1, 2, 6, 5]),
    average("kernel_shape = [2, 2], strides = [3, 3]", [1, 2, 7, 8]),
    average("kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1", [1, 2, 6, 6]),
    average(
      "kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1, pads = [1, 1, 1, 1], count_include_pad = 1",
      [1, 2, 6, 6],
      19,
    ),
    average(`kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER"`, [1, 2, 6, 5]),
    average(`kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_LOWER"`, [1, 2, 6, 5]),
    average("kernel_shape = [2, 2], dilations = [2, 1]", [1, 2, 6, 5], 19),
    average("kernel_shape = [3], pads = [1, 1]", [2, 3, 7]),
    average("kernel_shape = [2, 2, 2], strides = [1, 2, 2]", [1, 2, 3, 4, 4]),
  ],
  GlobalAveragePool: [
    ...at([7, 18], single(unary("y = GlobalAveragePool(x)", [2, 3, 4, 5]))),
    single(unary("y = GlobalAveragePool(x)", [2, 3, 4])),
  ],
  GlobalLpPool: [
    single(unary("y = GlobalLpPool(x)", [2, 3, 2, 2])),
    single(unary("y = GlobalLpPool <p = 1> (x)", [2, 3, 2, 2])),
    single(unary("y = GlobalLpPool <p = 3> (x)", [2, 3, 2, 2])),
  ],
  GlobalMaxPool: [single(unary("y = GlobalMaxPool(x)", [2, 3, 2, 3]))],
  LpPool: [
    single(unary("y = LpPool <kernel_shape = [2, 2], strides = [2, 1]> (x)", [1, 2, 4, 4])),
    single(unary("y = LpPool <kernel_shape = [2, 2], p = 3> (x)", positive(1, 2, 4, 4))),
    single(
      unary("y = LpPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], p = 1> (x)", [1, 1, 4, 4]),
    ),
    single(unary("y = LpPool <kernel_shape = [2, 2], dilations = [2, 2]> (x)", [1, 2, 4, 4])),
  ],
  MaxUnpool: [
    single(
      unary("y = MaxUnpool <kernel_shape = [2, 2], strides = [2, 2]> (x, i)", [1, 2, 2, 2], {
        given: "int64[1, 2, 2, 2] i = {5, 7, 13, 10, 16, 18, 24, 31}",
        opset: 11,
      }),
    ),
  ],
  MaxPool: [
    ...[7, 8, 9, 12, 18].map((opset) =>
      largest("kernel_shape = [2, 2], strides = [2, 2]", [2, 2, 4, 6], opset),
    ),
    ...[12, 18].map((opset) =>
      largest("kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1", [1, 2, 5, 5], opset),
    ),
    largest("kernel_shape = [2, 2], strides = [4, 3], dilations = [3, 2]", [1, 2, 9, 9]),
    largest("kernel_shape = [2], strides = [3]", [2, 2, 8]),
    largest("kernel_shape = [2, 2], strides = [2, 2], pads = [1, 1, 1, 1]", [1, 2, 4, 4]),
    ...[7, 8, 12, 18].map((opset) =>
      largest("kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]", [2, 2, 5, 6], opset),
    ),
    ...[11, 18].map((opset) =>
      largest(
        "kernel_shape = [3, 2], dilations = [1, 2], ceil_mode = 1, strides = [1, 2]",
        [1, 2, 5, 6],
        opset,
      ),
    ),
    ...[9, 17].map((opset) =>
      largest(
        `kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_LOWER"`,
        [1, 2, 6, 5],
        opset,
      ),
    ),
    ...[9, 17].map((opset) => largest("kernel_shape = [3], pads = [1, 1]", [2, 2, 7], opset)),
    ...[9, 17].map((opset) =>
      largest("kernel_shape = [2, 2, 2], strides = [1, 2, 1]", [1, 2, 3, 4, 3], opset),
    ),
    single(unary("y, i = MaxPool <kernel_shape = [2, 2]> (x)", [1, 2, 4, 4])),
    single(unary("y, i = MaxPool <kernel_shape = [2, 2], storage_order = 1> (x)", [1, 2, 4, 4])),
    unary("y = MaxPool <kernel_shape = [2, 2]> (x)", [1, 2, 4, 4]),
  ],
};
