import { compare, laurelize, openModel, type Proof, prove } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made, unfeltAt } from "./support/checks.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
type ModelProto = onnxProto.onnx.ModelProto;

/** A block of a noisy stream, and a second one whose sum is lost before the output. */
const noisy = (noise: string, kept = "1.0") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]> g (float[4, 8] x) => (float[4, 8] out)
  <float[8, 8] w, float[8, 8] v, float[1] kept = {${kept}}, float half = {0.5}, bool on = {1}>
  { ${noise} s = Add(x, noise) h = Relu(s) f = MatMul(h, w) [one] y = Add(s, f)
    t = Tanh(y) g = MatMul(t, v) [two] z = Add(t, g) lost = Mul(z, kept) out = Sub(y, lost) }`);

const NOISES = [
  ["RandomNormal", "noise = RandomNormal<shape = [4, 8]>()"],
  ["RandomUniformLike", "noise = RandomUniformLike(x)"],
  ["Bernoulli", "p = Sigmoid(x) noise = Bernoulli(p)"],
  ["Dropout in training, which drops nothing here", "noise = Dropout(x, half, on)"],
  ["a seed of its own", "noise = RandomNormal<shape = [4, 8], seed = 3.0>()"],
] as const;

const laurelized = async (bytes: Uint8Array) =>
  laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 2 });

async function tampered(bytes: Uint8Array, change: (model: ModelProto) => void): Promise<Proof> {
  const laurel = await laurelized(bytes);
  const proto = onnx.ModelProto.decode(laurel.model.toBytes());
  change(proto);
  const model = await openModel(onnx.ModelProto.encode(proto).finish());
  return prove({ ...laurel, model }, { ort });
}

const setFirst = ({ graph }: ModelProto, name: string, value: number) => {
  const { rawData } = graph!.initializer!.find((tensor) => tensor.name === name)!;
  new DataView(rawData!.buffer, rawData!.byteOffset).setFloat32(0, value, true);
};

describe("a model that draws at random", () => {
  it.each(NOISES)("passes, its outputs bit-equal if both draw alike: %s", async (name, noise) => {
    const proof = await prove(await laurelized(noisy(noise)), { ort });
    expect(proof.passed).toBe(true);
    const [{ random, plain }] = made("same function", proof).outputs;
    expect([random, plain.bitEqual]).toEqual([!name.startsWith("Dropout"), true]);
  });

  it.each(NOISES)("does not hide a B that is not zero: %s", async (_, noise) => {
    const proof = await tampered(noisy(noise), (model) => setFirst(model, "one.laurel.B", 0.25));
    expect(checksThat("failed", proof)).toEqual(["same function", "nothing else changed"]);
  });

  it.each(NOISES)("does not hide a sum that is lost before the output: %s", async (_, noise) => {
    const proof = await prove(await laurelized(noisy(noise, "0.0")), { ort });
    expect(unfeltAt(proof)).toEqual(["two"]);
  });

  it.each(NOISES)("is distinguished from one whose operands are swapped: %s", async (_, noise) => {
    const bytes = noisy(noise);
    const proto = onnx.ModelProto.decode(bytes);
    proto.graph!.node!.find(({ output }) => output![0] === "out")!.input!.reverse();
    const other = onnx.ModelProto.encode(proto).finish();
    const [a, b] = [await openModel(bytes), await openModel(other)];
    const { verdict, first } = await compare(a, b, { ort });
    expect([verdict, first?.value]).toEqual(["different", "out"]);
    expect((await compare(a, await openModel(bytes), { ort })).verdict).toBe("same");
  });
});
