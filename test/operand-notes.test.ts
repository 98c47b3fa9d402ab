import { laurelize, openModel, prove, strip } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { concat } from "../src/onnx/bytes.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { WireReader } from "../src/onnx/wire.ts";
import { bytesField } from "../src/onnx/wire-writer.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
const utf8 = new TextEncoder();
const text = (number: number, value: string) => bytesField(number, utf8.encode(value));

/** Each sharding spec by its tensor's name, with the device that it names. */
const specs = (names: readonly string[]) =>
  bytesField(
    10,
    text(1, "four devices"),
    ...names.map((name, k) => bytesField(2, text(1, name), Uint8Array.of(0x10, k))),
  );

const annotation = (name: string) =>
  bytesField(
    14,
    text(1, name),
    bytesField(2, onnx.StringStringEntryProto.encode({ key: "SCALE_TENSOR", value: "s" }).finish()),
  );

/** A block whose sum is sharded and whose skip is annotated. */
function noted(names: readonly string[], annotated: readonly string[]): Uint8Array {
  const model = onnx.ModelProto.decode(
    modelOfText(`<ir_version: 11, opset_import: ["" : 17]>
    net (float[2, 3, 8] x) => (float[2, 3, 8] y)
    <float[8, 8] w, float[8, 8] v, float s = {1.0}, float[8] g, float[8] b>
    { n = LayerNormalization(x, g, b)  h = MatMul(n, w)  r = Relu(h)  f = MatMul(r, v)  y = Add(x, f) }`),
  );
  const graph = model.graph!;
  const nodes = graph.node!.map((node) => {
    const bytes = onnx.NodeProto.encode(node).finish();
    return node.opType === "Add" ? bytesField(1, bytes, specs(names)) : bytesField(1, bytes);
  });
  const around = onnx.GraphProto.encode({ ...graph, node: [] }).finish();
  return concat([
    onnx.ModelProto.encode({ ...model, graph: null }).finish(),
    bytesField(7, ...nodes, around, ...annotated.map(annotation)),
  ]);
}

/** The fields with this number in a message. */
function fields(bytes: Uint8Array, number: number): Uint8Array[] {
  const reader = new WireReader(bytesSource(bytes));
  return [...reader.fields({ start: 0, end: bytes.length })]
    .filter((field) => field.number === number)
    .map(({ body, end }) => bytes.slice(body, end));
}
const textIn = (bytes: Uint8Array, number: number) =>
  new TextDecoder().decode(fields(bytes, number)[0]);

async function laurelized(bytes: Uint8Array) {
  const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw", featureAxis: 2 });
  const result = laurel.model.toBytes();
  const [graph] = fields(result, 7);
  const sum = laurel.model.graph.main.nodes.find(({ outputs }) => outputs[0]?.name === "y")!;
  const inputs = sum.inputs.map((input) => input!.name);
  const node = fields(graph, 1).find((each) => textIn(each, 2) === "y")!;
  const sharded = fields(fields(node, 10)[0] ?? new Uint8Array(), 2).map((spec) => [
    textIn(spec, 1),
    spec.at(-1),
  ]);
  const annotated = fields(graph, 14).map((each) => textIn(each, 1));
  return { laurel, result, inputs, sharded, annotated };
}

describe("what a model notes of an operand", { timeout: 60_000 }, () => {
  it("follows it to the value that the sum reads instead", async () => {
    const original = noted(["x", "f", "y"], ["x", "h"]);
    const { laurel, inputs, sharded, annotated } = await laurelized(original);
    expect(inputs).not.toContain("x");
    expect(inputs).not.toContain("f");
    expect(sharded).toEqual([
      [inputs[0], 0],
      [inputs[1], 1],
      ["y", 2],
    ]);
    expect(annotated).toEqual(["x", "h", inputs[0]]);
    expect((await prove(laurel, { ort })).passed).toBe(true);
    expect((await strip(laurel.model)).model.toBytes()).toEqual(new Uint8Array(original));
  });

  it("is left unchanged if it belongs to no operand of a sum", async () => {
    const { laurel, sharded, annotated } = await laurelized(noted(["y"], ["h", "w"]));
    expect([sharded, annotated]).toEqual([[["y", 0]], ["h", "w"]]);
    expect((await prove(laurel, { ort })).passed).toBe(true);
  });
});
