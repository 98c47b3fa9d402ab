// What rewriting a model costs where the whole of it is decoded and encoded again.
import fs from "node:fs";
import onnxProto from "onnx-proto";

const [, , input, output] = process.argv;
const model = onnxProto.onnx.ModelProto.decode(fs.readFileSync(input));
const handle = fs.openSync(output, "w");
const bytes = onnxProto.onnx.ModelProto.encode(model).finish();
for (let at = 0; at < bytes.length; ) at += fs.writeSync(handle, bytes, at);
fs.fsyncSync(handle);
