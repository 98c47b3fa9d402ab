import fs from "node:fs";
import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

const WIDTH = 2048;
const WEIGHT_BYTES = 4 * WIDTH * WIDTH;

/** Writes a single-file model of about `bytes`: residual blocks of two 16 MB weights each. */
export function writeLargeModel(file: string, bytes: number): void {
  const blocks = Math.round(bytes / WEIGHT_BYTES / 2);
  const node: object[] = [];
  const weights: string[] = [];
  for (let k = 0; k < blocks; k++) {
    const [x, y] = [k === 0 ? "x" : `sum${k - 1}`, k === blocks - 1 ? "y" : `sum${k}`];
    const add = (opType: string, input: string[], output: string) =>
      node.push({ name: `/block.${k}/${output}`, opType, input, output: [output] });
    add("MatMul", [x, `w${k}.up`], `up${k}`);
    add("Relu", [`up${k}`], `relu${k}`);
    add("MatMul", [`relu${k}`, `w${k}.down`], `down${k}`);
    add("Add", [x, `down${k}`], y);
    weights.push(`w${k}.up`, `w${k}.down`);
  }
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

const rows = (name: string) => {
  const dim = [{ dimParam: "batch" }, { dimValue: WIDTH }];
  return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
};
