import fs from "node:fs";
import path from "node:path";
import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

const WIDTH = 2048;
const WEIGHT_BYTES = 4 * WIDTH * WIDTH;

/** Residual blocks of two weights each, as nodes, and the weights' names. */
function blocks(count: number) {
  const node: object[] = [];
  const weights: string[] = [];
  for (let k = 0; k < count; k++) {
    const [x, y] = [k === 0 ? "x" : `sum${k - 1}`, k === count - 1 ? "y" : `sum${k}`];
    const add = (opType: string, input: string[], output: string) =>
      node.push({ name: `/block.${k}/${output}`, opType, input, output: [output] });
    add("MatMul", [x, `w${k}.up`], `up${k}`);
    add("Relu", [`up${k}`], `relu${k}`);
    add("MatMul", [`relu${k}`, `w${k}.down`], `down${k}`);
    add("Add", [x, `down${k}`], y);
    weights.push(`w${k}.up`, `w${k}.down`);
  }
  return { node, weights };
}

/** Writes a model of residual blocks with about `bytes` of external data, all zero and sparse. */
export function writeSparseModel(file: string, layers: number, bytes: number): void {
  const width = 4096;
  const inner = Math.floor(bytes / layers / 2 / width / 4);
  const { node, weights } = blocks(layers);
  const length = 4 * width * inner;
  const location = `${path.basename(file)}.data`;
  const initializer = weights.map((name, k) => ({
    name,
    dims: k % 2 === 0 ? [width, inner] : [inner, width],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries({ location, offset: k * length, length }).map(([key, value]) => ({
      key,
      value: String(value),
    })),
  }));
  const [input, output] = [[rows("x", width)], [rows("y", width)]];
  const graph = { name: "sparse", node, initializer, input, output };
  const opsetImport = [{ domain: "", version: 17 }];
  const model = onnx.ModelProto.fromObject({ irVersion: 8, opsetImport, graph });
  fs.writeFileSync(file, onnx.ModelProto.encode(model).finish());
  fs.writeFileSync(`${file}.data`, "");
  fs.truncateSync(`${file}.data`, weights.length * length);
}

/** Writes a single-file model of about `bytes`: residual blocks of two 16 MB weights each. */
export function writeLargeModel(file: string, bytes: number): void {
  const { node, weights } = blocks(Math.round(bytes / WEIGHT_BYTES / 2));
  const graph = onnx.GraphProto.encode(
    onnx.GraphProto.fromObject({ name: "large", node, input: [rows("x")], output: [rows("y")] }),
  ).finish();
  const heads = weights.map(headOfTensor);
  const length = heads.reduce((sum, head) => sum + head.length + WEIGHT_BYTES, graph.length);
  const model = onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
  });

  const values = Float32Array.from({ length: WIDTH * WIDTH }, () => (Math.random() - 0.5) / WIDTH);
  const handle = fs.openSync(file, "w");
  fs.writeSync(handle, model.finish());
  fs.writeSync(handle, Uint8Array.of(GRAPH, ...varint(length)));
  fs.writeSync(handle, graph);
  for (const head of heads) {
    fs.writeSync(handle, head);
    fs.writeSync(handle, new Uint8Array(values.buffer));
  }
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

// Tags of length-delimited fields: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data.
const [GRAPH, INITIALIZER, RAW_DATA] = [7, 5, 9].map((field) => field * 8 + 2);

/** Everything of an initializer field but the values it ends with. */
function headOfTensor(name: string): Uint8Array {
  const fields = onnx.TensorProto.encode({ name, dims: [WIDTH, WIDTH], dataType: 1 }).finish();
  const raw = [RAW_DATA, ...varint(WEIGHT_BYTES)];
  const length = fields.length + raw.length + WEIGHT_BYTES;
  return Uint8Array.of(INITIALIZER, ...varint(length), ...fields, ...raw);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

const rows = (name: string, width = WIDTH) => {
  const dim = [{ dimParam: "batch" }, { dimValue: width }];
  return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
};
