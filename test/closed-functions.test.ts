import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove, strip } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat } from "./support/checks.ts";
import { modelOfText } from "./support/onnx-text.ts";

const caseOf = (name: string) =>
  fs.readFileSync(path.join(import.meta.dirname, "cases", `${name}.onnx`));

describe("functions around a sum", () => {
  it.each([
    ["all-mixers-in-functions-add-plain", 1, 0],
    ["function-imports-other-opset-than-model", 2, 4],
  ])(
    "%s: the axis is found inside the functions, and what has no sum stays closed",
    async (name, count, calls) => {
      const bytes = caseOf(name);
      const laurel = await laurelize(await openModel(bytes), { ort, rank: 2 });
      const features = laurel.found.sites.map(({ feature }) => feature);
      expect(features).toEqual(new Array(count).fill({ axis: 2, size: 8 }));
      expect(laurel.lowered.calls.length).toBe(calls);
      const proof = await prove(laurel, { ort });
      expect(checksThat("failed", proof).concat(checksThat("not run", proof))).toEqual([]);
      const { model } = await strip(await openModel(laurel.model.toBytes()));
      expect(Buffer.compare(model.toBytes(), bytes)).toBe(0);
    },
  );

  /** A block whose function imports opset 11, in a model of another. */
  const block = (opset: number, softmax: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : ${opset}, "own" : 1]>
net (float[N, 4, 8] x) => (float[N, 4, 8] y)
<float[8, 8] w, float[8, 8] v>
{
  y = own.block(x, w, v)
}
<domain: "own", opset_import: ["" : 11]>
block (x, w, v) => (y)
{
  h = MatMul(x, w)
  a = ${softmax}(h)
  f = MatMul(a, v)
  y = Add(x, f)
}
`);

  it("are lowered if their operators mean the same in the model's own opset", async () => {
    const { sites, rejected } = await findResiduals(await openModel(block(17, "Relu")), { ort });
    expect(sites.map(({ feature }) => feature)).toEqual([{ axis: 2, size: 8 }]);
    expect(rejected).toEqual([]);
  });

  it.each([
    [17, "Softmax", "Softmax changed in opset 13"],
    [10, "Relu", "opset 10 is older and may lack what opset 11 has"],
  ])("are left closed under opset %i with %s, and said to be", async (opset, op, why) => {
    const model = await openModel(block(opset, op));
    const { sites, rejected } = await findResiduals(model, { ort });
    expect(sites).toEqual([]);
    expect(rejected.map(({ output, reason }) => [output.name, reason])).toEqual([
      [
        "y",
        expect.stringContaining(`it imports ai.onnx 11, but the model imports ai.onnx ${opset}`),
      ],
    ]);
    expect(rejected[0].reason).toContain(why);
    await expect(laurelize(model, { ort })).rejects.toThrow(why);
  });
});
