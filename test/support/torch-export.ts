import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";

const { onnx } = onnxProto;

/** Numbers in [-1, 1) for all weights in turn; a prime count, so that no two filters are alike. */
const pool = (() => {
  const next = uniform(50, "resnet50");
  let numbers: Float32Array | undefined;
  return () => {
    numbers ??= Float32Array.from({ length: 999_983 }, () => 2 * next() - 1);
    return numbers;
  };
})();

/** Writes a model node by node as torch.onnx.export does, with seeded weights. */
export interface TorchExport {
  /** A node named after its module; its operator is the last part of its name, "Add" of "/block/Add_1". */
  node(name: string, inputs: readonly string[], attributes?: readonly object[]): string;
  /** A weight of numbers in ±bound. */
  weight(name: string, dims: readonly number[], bound: number): string;
  /** A weight of given numbers. */
  values(name: string, dims: readonly number[], values: ArrayLike<number>): string;
  /** A Constant node of integers, as a list. */
  integers(name: string, values: readonly number[]): string;
  /** A Constant node of one float. */
  scalar(name: string, value: number): string;
  /** The name that torch gives a weight it has folded or transposed: "onnx::Conv_497". */
  numbered(op: string): string;
  /** The model: `last` is its output; its input is float, or of another element type. */
  model(
    last: string,
    input: readonly (number | string)[],
    output: readonly (number | string)[],
    elemType?: number,
  ): Uint8Array;
}

/** A new export; torch numbers what it folds from `first` on. */
export function torchExport(first: number): TorchExport {
  const nodes: { output: string[]; input: string[] }[] = [];
  const initializer: object[] = [];
  let folded = first;
  let drawn = 0;
  const constant = (name: string, t: object) => {
    const output = [`${name}_output_0`];
    const attribute = [{ name: "value", type: 4, t }];
    nodes.push({ name, opType: "Constant", input: [], output, attribute } as never);
    return output[0];
  };
  const values = (name: string, dims: readonly number[], numbers: ArrayLike<number>) => {
    const rawData = new Uint8Array(new Float32Array(numbers).buffer);
    initializer.push({ name, dims, dataType: 1, rawData });
    return name;
  };
  return {
    node(name, input, attribute = []) {
      const output = `${name}_output_0`;
      const opType = name.slice(name.lastIndexOf("/") + 1).replace(/_\d+$/, "");
      nodes.push({ name, opType, input, output: [output], attribute } as never);
      return output;
    },
    weight(name, dims, bound) {
      const numbers = new Float32Array(dims.reduce((a, b) => a * b, 1));
      const drawnFrom = pool();
      for (let i = 0; i < numbers.length; i++)
        numbers[i] = bound * drawnFrom[(drawn + i) % drawnFrom.length];
      drawn += numbers.length;
      return values(name, dims, numbers);
    },
    values,
    integers: (name, numbers) =>
      constant(name, {
        dims: [numbers.length],
        dataType: 7,
        rawData: new Uint8Array(BigInt64Array.from(numbers, BigInt).buffer),
      }),
    scalar: (name, value) =>
      constant(name, { dataType: 1, rawData: new Uint8Array(Float32Array.of(value).buffer) }),
    numbered: (op) => `onnx::${op}_${folded++}`,
    model(last, input, output, elemType = 1) {
      for (const node of nodes)
        node.output = node.output.map((name) => (name === last ? "output" : name));
      const graph = {
        name: "main_graph",
        node: nodes,
        initializer,
        input: [tensor("input", input, elemType)],
        output: [tensor("output", output)],
      };
      const opsetImport = [{ domain: "", version: 17 }];
      const header = { irVersion: 8, producerName: "pytorch", producerVersion: "2.4.0" };
      return onnx.ModelProto.encode(
        onnx.ModelProto.fromObject({ ...header, graph, opsetImport }),
      ).finish();
    },
  };
}

/** An attribute of integers. */
export const ints = (name: string, ...values: number[]) => ({ name, type: 7, ints: values });

/** An attribute of one integer. */
export const int = (name: string, i: number) => ({ name, type: 2, i });

/** An attribute of one float. */
export const float = (name: string, f: number) => ({ name, type: 1, f });

/** Kernel, padding to the same size, and stride. */
export const window = (kernel: number, stride: number) => {
  const pad = (kernel - 1) >> 1;
  return [
    ints("kernel_shape", kernel, kernel),
    ints("pads", pad, pad, pad, pad),
    ints("strides", stride, stride),
  ];
};

/** A Conv with its BatchNormalization folded in; its weights have He's variance times gain². */
export function foldedConv(
  to: TorchExport,
  name: string,
  x: string,
  [from, width]: readonly [number, number],
  kernel: number,
  { stride = 1, group = 1, gain = 1 } = {},
): string {
  const bound = gain * Math.sqrt(6 / ((from / group) * kernel ** 2));
  const w = to.weight(to.numbered("Conv"), [width, from / group, kernel, kernel], bound);
  const b = to.weight(to.numbered("Conv"), [width], 0.1);
  const attributes = [ints("dilations", 1, 1), int("group", group), ...window(kernel, stride)];
  return to.node(`${name}/Conv`, [x, w, b], attributes);
}

/** A linear layer on [N, D], as Gemm. */
export function gemm(to: TorchExport, path: string, x: string, from: number, width: number) {
  const name = path.slice(1).replaceAll("/", ".");
  const weights = [
    to.weight(`${name}.weight`, [width, from], 0.02),
    to.weight(`${name}.bias`, [width], 0.02),
  ];
  const attributes = [float("alpha", 1), float("beta", 1), int("transB", 1)];
  return to.node(`${path}/Gemm`, [x, ...weights], attributes);
}

const tensor = (name: string, shape: readonly (number | string)[], elemType = 1) => {
  const dim = shape.map((size) =>
    typeof size === "string" ? { dimParam: size } : { dimValue: size },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
};
