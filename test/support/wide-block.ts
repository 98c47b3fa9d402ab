import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

const WIDTH = 32;

/** Weights of a few kB each: large enough to be linked. */
const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(seed + k) / WIDTH);

const rawOf = (values: Float32Array) => new Uint8Array(values.buffer);

/** A residual block whose weights are stored in every way there is, and what is raw of them. */
export function wideBlock() {
  const dims = [WIDTH, WIDTH];
  const values = (seed: number) => numbers(WIDTH * WIDTH, seed);
  const raw = (name: string, seed: number) => ({
    name,
    dims,
    dataType: 1,
    rawData: rawOf(values(seed)),
  });
  const node = (name: string, opType: string, input: string[], attribute: object[] = []) => ({
    name,
    opType,
    input,
    output: [name],
    attribute,
  });
  const info = (name: string) => {
    const dim = [{ dimParam: "N" }, { dimValue: WIDTH }];
    return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
  };
  const branch = (name: string, seed: number) => ({
    name,
    type: 5,
    g: {
      name,
      node: [node(`${name}.y`, "MatMul", ["n", `${name}.w`])],
      initializer: [raw(`${name}.w`, seed)],
      output: [info(`${name}.y`)],
    },
  });
  const graph = {
    name: "wide",
    node: [
      node("mid", "Constant", [], [{ name: "value", type: 4, t: raw("", 2) }]),
      node("h", "MatMul", ["x", "up"]),
      node("r", "Relu", ["h"]),
      node("m", "MatMul", ["r", "mid"]),
      node("f", "MatMul", ["m", "down"]),
      node("y", "Add", ["x", "f"]),
      node("p", "MatMul", ["y", "plain"]),
      node("same", "Identity", ["standardised"]),
      node("mean", "ReduceMean", ["same"]),
      node("c", "Sub", ["same", "mean"]),
      node("n", "MatMul", ["p", "c"]),
      node("out", "If", ["yes"], [branch("then_branch", 5), branch("else_branch", 6)]),
    ],
    initializer: [
      raw("up", 1),
      raw("down", 3),
      { name: "plain", dims, dataType: 1, floatData: Array.from(values(4)) },
      raw("standardised", 7),
      { name: "yes", dims: [], dataType: 9, rawData: Uint8Array.of(1) },
    ],
    input: [info("x")],
    output: [info("out")],
  };
  const opsetImport = [{ domain: "", version: 17 }];
  const model = onnx.ModelProto.fromObject({ irVersion: 8, opsetImport, graph });
  return {
    bytes: onnx.ModelProto.encode(model).finish(),
    linked: new Map([1, 2, 3].map((seed) => [["", "up", "", "down"][seed], rawOf(values(seed))])),
    kept: [4, 5, 6, 7].map((seed) => rawOf(values(seed))),
    width: WIDTH,
  };
}
