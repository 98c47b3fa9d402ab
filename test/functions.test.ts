import { type Laurelized, laurelize, openModel, prove, strip, type VariantName } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made } from "./support/checks.ts";
import { fixture } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const augmented = async (bytes: Uint8Array, variant: VariantName = "rw+lr"): Promise<Laurelized> =>
  laurelize(await openModel(bytes), { ort, variant, rank: 4 });

const callsIn = ({ model }: Laurelized) =>
  model.graph.main.nodes.filter(({ callee }) => callee).map(({ message }) => message.name);

describe("sites in functions", () => {
  it.each([
    ["functions-nested", 5],
    ["function-overloads", 1],
    ["function-with-branches", 1],
  ])("%s: opened, proved and stripped again", async (name, calls) => {
    const bytes = fixture(name);
    for (const variant of ["rw+lr", "rw+lr+pa"] as const) {
      const laurel = await augmented(bytes, variant);
      expect(laurel.lowered.calls.length).toBe(calls);
      const proof = await prove(laurel, { ort });
      expect(checksThat("failed", proof).concat(checksThat("not run", proof))).toEqual([]);
      const opening = made("same when lowered", proof);
      expect(opening.calls).toBe(calls);
      expect(opening.outputs.every(({ plain }) => plain.bitEqual)).toBe(true);
      const { model, checked } = await strip(await openModel(laurel.model.toBytes()));
      expect(checked).toBe("whole");
      expect(Buffer.compare(model.toBytes(), bytes)).toBe(0);
      const again = await augmented(bytes, variant);
      expect(Buffer.compare(again.model.toBytes(), laurel.model.toBytes())).toBe(0);
    }
  });

  it("have weights of their own at every call", async () => {
    const { plan } = await augmented(fixture("functions-nested"));
    const names = plan.sites.map(({ parameters }) => parameters["lr.B"].name);
    expect(names).toEqual([
      "first/res.laurel.B",
      "second/res.laurel.B",
      "pair/inner0/res.laurel.B",
      "pair/inner1/res.laurel.B",
    ]);
  });

  it("leave calls without sites, and the functions themselves, as they are", async () => {
    const laurel = await augmented(fixture("functions-nested"));
    expect(callsIn(laurel).sort()).toEqual([
      "first/norm",
      "last",
      "pair/inner0/norm",
      "pair/inner1/norm",
      "second/norm",
    ]);
    const none = await augmented(fixture("function-without-skip"));
    expect([none.lowered.calls, callsIn(none)]).toEqual([[], ["linear"]]);
    expect(none.lowered.model).toBe(none.original);
    expect(callsIn(await augmented(fixture("function-overloads")))).toEqual(["without"]);
  });

  it("take the attributes of each call, or the function's defaults", async () => {
    const { model } = await augmented(fixture("functions-nested"));
    const axes = model.graph.main.nodes
      .filter(({ op, message }) => op === "Softmax" && !message.name.includes(".laurel."))
      .map(({ message }) => message.attributes.map(({ i, refAttrName }) => [i, refAttrName]));
    expect(axes).toEqual([[[1, ""]], [[-1, ""]], [[-1, ""]], [[2, ""]]]);
  });

  it("are refused with --link-weights, because lowering would move them", async () => {
    const model = await openModel(fixture("functions-nested"));
    await expect(laurelize(model, { ort, linkWeights: true })).rejects.toThrow(
      /has functions with residual connections .* leave it out/,
    );
  });

  it("are not looked for if an operator of a function means something else in the model", async () => {
    const text = `<ir_version: 9, opset_import: ["" : 17, "own" : 1]>
      net (float[N, 8] x) => (float[N, 8] y) <float[8, 8] w> { y = own.F(x, w) }
      <domain: "own", opset_import: ["" : 11]>
      F (t, a) => (y) { u = MatMul(t, a) r = Softmax(u) y = Add(t, r) }`;
    await expect(augmented(modelOfText(text))).rejects.toThrow("Softmax changed in opset 13");
  });

  it("are not looked for in a function named as an operator, which onnxruntime runs instead", async () => {
    const text = (name: string) => `<ir_version: 9, opset_import: ["" : 17, "own" : 1]>
      net (float[8, 8] x) => (float[8, 8] y) <float[8, 8] w> { m = MatMul(x, w) s = Add(m, x) y = ${name}(s, w) }
      <domain: "${name.includes(".") ? "own" : ""}", opset_import: ["" : 17]>
      PRelu (a, b) => (c) { n = MatMul(a, b) c = Add(a, n) }`;
    const sitesOf = async (name: string) => {
      const laurel = await augmented(modelOfText(text(name)));
      const { passed } = await prove(laurel, { ort });
      return [laurel.plan.sites.length, laurel.lowered.calls.length, passed];
    };
    expect(await sitesOf("PRelu")).toEqual([1, 0, true]);
    expect(await sitesOf("own.PRelu")).toEqual([2, 1, true]);
  });
});
