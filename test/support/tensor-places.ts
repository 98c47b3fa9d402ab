import onnxProto from "onnx-proto";
import { concat } from "../../src/onnx/bytes.ts";
import { bytesField } from "../../src/onnx/wire-writer.ts";
import { modelOfText } from "./onnx-text.ts";

const { onnx } = onnxProto;

/** A tensor of 12 bytes whose data lies in another file. */
export const elsewhere = (location: string, name = "", dataType = 1): Uint8Array =>
  onnx.TensorProto.encode({
    name,
    dims: [3],
    dataType,
    dataLocation: 1,
    externalData: [
      { key: "location", value: location },
      { key: "length", value: "12" },
    ],
  }).finish();

const inside = (name = "") =>
  onnx.TensorProto.encode({ name, dims: [3], dataType: 1, floatData: [1, 2, 3] }).finish();
const indices = onnx.TensorProto.encode({ dims: [3], dataType: 7, int64Data: [0, 1, 2] }).finish();

/** A SparseTensorProto of three values among seven. */
const sparse = (values: Uint8Array, at: Uint8Array) =>
  concat([bytesField(1, values), bytesField(2, at), new Uint8Array([0x18, 7])]);

const utf8 = new TextEncoder();

/** An AttributeProto: its name, its field and its type's number. */
const attribute = (name: string, field: number, value: Uint8Array, type: number) =>
  concat([
    bytesField(1, utf8.encode(name)),
    bytesField(field, value),
    new Uint8Array([0xa0, 0x01, type]),
  ]);

const constant = (given: Uint8Array) =>
  concat([
    onnx.NodeProto.encode({ opType: "Constant", output: ["c"] }).finish(),
    bytesField(5, given),
  ]);

const graph = (...fields: Uint8Array[]) =>
  concat([onnx.GraphProto.encode({ name: "g" }).finish(), ...fields]);

const inGraph = (...fields: Uint8Array[]) => bytesField(7, ...fields);

const branches = (body: Uint8Array) => {
  const given = onnx.NodeProto.encode({ opType: "If", input: ["yes"], output: ["z"] }).finish();
  const of = (name: string) => bytesField(5, attribute(name, 6, body, 5));
  return bytesField(1, given, of("then_branch"), of("else_branch"));
};

const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
  net (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w, bool[] yes = {1}>
  { f = MatMul(x, w)  g = Relu(f)  y = Add(x, g) }`);

const functionField = (...fields: Uint8Array[]) =>
  bytesField(
    25,
    onnx.FunctionProto.encode({ name: "F", output: ["c"] }).finish(),
    bytesField(10, utf8.encode("own")),
    bytesField(9, onnx.OperatorSetIdProto.encode({ domain: "", version: 17 }).finish()),
    ...fields,
  );

const body = (...fields: Uint8Array[]) =>
  graph(...fields, bytesField(12, onnx.ValueInfoProto.encode({ name: "c" }).finish()));

/** Where a TensorProto can stand in a model, each as a model with one tensor in `location` there. */
export const PLACES: Readonly<Record<string, (location: string) => Uint8Array>> = {
  "an initializer": (at) => concat([model, inGraph(bytesField(5, elsewhere(at, "c")))]),
  "a sparse initializer's values": (at) =>
    concat([model, inGraph(bytesField(15, sparse(elsewhere(at, "c"), indices)))]),
  "a sparse initializer's indices": (at) =>
    concat([model, inGraph(bytesField(15, sparse(inside("c"), elsewhere(at, "", 6))))]),
  "a Constant": (at) =>
    concat([model, inGraph(bytesField(1, constant(attribute("value", 5, elsewhere(at), 4))))]),
  "a sparse Constant's values": (at) =>
    concat([
      model,
      inGraph(
        bytesField(1, constant(attribute("sparse_value", 22, sparse(elsewhere(at), indices), 11))),
      ),
    ]),
  "a sparse Constant's indices": (at) =>
    concat([
      model,
      inGraph(
        bytesField(
          1,
          constant(attribute("sparse_value", 22, sparse(inside(), elsewhere(at, "", 6)), 11)),
        ),
      ),
    ]),
  "a list of tensors": (at) =>
    concat([model, inGraph(bytesField(1, constant(attribute("some", 10, elsewhere(at), 9))))]),
  "a list of sparse tensors": (at) =>
    concat([
      model,
      inGraph(bytesField(1, constant(attribute("some", 23, sparse(elsewhere(at), indices), 12)))),
    ]),
  "a body's initializer": (at) =>
    concat([model, inGraph(branches(body(bytesField(5, elsewhere(at, "c")))))]),
  "a body's sparse Constant": (at) =>
    concat([
      model,
      inGraph(
        branches(
          body(
            bytesField(
              1,
              constant(attribute("sparse_value", 22, sparse(elsewhere(at), indices), 11)),
            ),
          ),
        ),
      ),
    ]),
  "a function's Constant": (at) =>
    concat([
      model,
      functionField(bytesField(7, constant(attribute("value", 5, elsewhere(at), 4)))),
    ]),
  "a function's default": (at) =>
    concat([
      model,
      functionField(
        bytesField(11, attribute("t", 5, elsewhere(at), 4)),
        bytesField(7, constant(attribute("value", 5, inside(), 4))),
      ),
    ]),
  "what initializes a training": (at) =>
    concat([model, bytesField(20, bytesField(1, graph(bytesField(5, elsewhere(at, "c")))))]),
  "a training's algorithm": (at) =>
    concat([model, bytesField(20, bytesField(2, graph(bytesField(5, elsewhere(at, "c")))))]),
};
