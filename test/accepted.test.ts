import { laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { modelOfText } from "./support/onnx-text.ts";

/** A residual block, and an operator behind it that takes a further input of the model. */
const model = (input: string, after: string, output: string, weights = "") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
  g (float[1, 3, 8, 8] x, ${input}) => (${output})
  <float[3, 3, 1, 1] w${weights && `, ${weights}`}>
  { h = Relu(x) f = Conv(h, w) [one] y = Add(x, f) ${after} }`);

describe("random inputs", () => {
  it.each([
    ["Pad", model("int64[8] pads", "out = Pad(y, pads)", "float[A, B, C, D] out")],
    ["Tile", model("int64[4] times", "out = Tile(y, times)", "float[A, B, C, D] out")],
    ["TopK", model("int64[1] k", "out, i = TopK(y, k)", "float[A, B, C, D] out")],
    ["Clip", model("float low, float high", "out = Clip(y, low, high)", "float[1, 3, 8, 8] out")],
    [
      "Range",
      model(
        "int64 n",
        "r = Range(zero, n, step) c = Cast<to = 1>(r) m = ReduceMean<keepdims = 0>(c) out = Mul(y, m)",
        "float[1, 3, 8, 8] out",
        "int64 zero = {0}, int64 step = {1}",
      ),
    ],
    ["CumSum", model("int64 axis", "out = CumSum(y, axis)", "float[1, 3, 8, 8] out")],
    ["Resize", model("float[4] scales", 'out = Resize(y, "", scales)', "float[A, B, C, D] out")],
    [
      "Identity and Pad",
      model("int32[8] p", "pads = Cast<to = 7>(p) out = Pad(y, pads)", "float[A, B, C, D] out"),
    ],
    [
      "TopK and GRU",
      model(
        "int64[2] lengths",
        `sorted, order = TopK(lengths, two) short = Cast<to = 6>(sorted)
         t = Reshape(y, steps) all, last = GRU<hidden_size = 4>(t, gates, states, "", short)
         out = Identity(last)`,
        "float[1, 2, 4] out",
        "int64[1] two = {2}, int64[3] steps = {8, 2, 12}, float[1, 12, 12] gates, float[1, 12, 4] states",
      ),
    ],
  ])("are such as the operator accepts: %s", async (_, bytes) => {
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const proof = await prove(laurel, { ort });
    expect(proof.passed).toBe(true);
  });
});
