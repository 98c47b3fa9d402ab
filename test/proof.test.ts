import { type Laurelized, laurelize, openModel, type Proof, verify } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

async function laurelized(variant = "rw+lr"): Promise<Laurelized> {
  const model = await openModel(fixture("pre-norm-mlp"));
  return laurelize(model, { ort, variant });
}

/** Verifies the result after somebody has changed it. */
async function tampered(change: (model: ModelProto) => void, variant = "rw+lr"): Promise<Proof> {
  const laurel = await laurelized(variant);
  const proto = onnx.ModelProto.decode(laurel.model.toBytes());
  change(proto as ModelProto);
  const model = await openModel(onnx.ModelProto.encode(proto).finish());
  return verify({ ...laurel, model }, { ort });
}

const failing = (proof: Proof) =>
  proof.checks.filter(({ passed }) => !passed).map(({ name }) => name);
const nodeMaking = (model: ModelProto, output: string) =>
  model.graph!.node!.find((node) => node.output!.includes(output))!;
const initializer = (model: ModelProto, name: string) =>
  model.graph!.initializer!.find((tensor) => tensor.name === name)!;
const setFloat = (bytes: Uint8Array, index: number, value: number) =>
  new DataView(bytes.buffer, bytes.byteOffset).setFloat32(4 * index, value, true);

describe("the proof", () => {
  it.each(["rw", "lr", "rw+lr"])("passes %s as it was inserted", async (variant) => {
    const proof = await verify(await laurelized(variant), { ort });
    expect(failing(proof)).toEqual([]);
    const [same, formula] = proof.checks;
    if (same.name !== "same function" || formula.name !== "right formula") throw new Error("order");
    expect(same.outputs.every(({ plain }) => plain.bitEqual)).toBe(true);
    expect(formula.sites[0].difference).toBeGreaterThan(0);
    expect(formula.sites[0].difference).toBeLessThanOrEqual(formula.sites[0].bound);
  });

  it("finds α and β exchanged, and names the site", async () => {
    const proof = await tampered((model) => {
      const { input } = nodeMaking(model, "y");
      const scaled = input!.map((name) => nodeMaking(model, name));
      const [a, b] = scaled.map((node) => node.input![1]);
      scaled[0].input![1] = b;
      scaled[1].input![1] = a;
    }, "rw");
    expect(failing(proof)).toEqual(["right formula"]);
    const check = proof.checks[1];
    expect(check.name === "right formula" && check.sites[0].site).toBe("res");
  });

  it("finds a map that is left out though its weights are there", async () => {
    const proof = await tampered((model) => {
      const sum = nodeMaking(model, "y");
      sum.input![0] = "x";
    }, "lr");
    expect(failing(proof)).toContain("right formula");
  });

  it("finds a B that is not zero at the start", async () => {
    const proof = await tampered((model) =>
      setFloat(initializer(model, "res.laurel.B").rawData!, 3, 0.25),
    );
    expect(failing(proof)).toEqual(["same function"]);
  });

  it("finds a combination that starts dead: γ = 0 with B = 0", async () => {
    const proof = await tampered(
      (model) => initializer(model, "res.laurel.gamma").rawData!.fill(0),
      "rw+lr+pa",
    );
    expect(failing(proof)).toEqual(["it can learn"]);
    const check = proof.checks[3];
    expect(check.name === "it can learn" && [...check.dead].sort()).toEqual([
      "res.laurel.A0",
      "res.laurel.B0",
      "res.laurel.gamma",
    ]);
    expect(check.name === "it can learn" && check.first).toEqual(["res.laurel.w"]);
  });

  it("finds a stale weight", async () => {
    const proof = await tampered((model) => setFloat(initializer(model, "up").rawData!, 0, 0.5));
    expect(failing(proof)).toContain("nothing else changed");
    const check = proof.checks[2];
    expect(check.name === "nothing else changed" && check.differences).toEqual([
      "weight up differs",
    ]);
  });

  it.each<[string, (model: ModelProto) => void, RegExp]>([
    [
      "a changed attribute",
      (m) => {
        nodeMaking(m, "out").attribute![0].i = 2;
      },
      /node out differs/,
    ],
    [
      "a renamed output",
      (m) => {
        m.graph!.output![0].name = "y";
      },
      /output 0 differs/,
    ],
    [
      "a new opset",
      (m) => {
        m.opsetImport![0].version = 18;
      },
      /opset import 0 differs/,
    ],
    [
      "a node that does not belong",
      (m) => {
        m.graph!.node!.unshift(
          onnx.NodeProto.create({ opType: "Neg", input: ["x"], output: ["stray"] }),
        );
      },
      /not those planned/,
    ],
    [
      "operands of another node exchanged",
      (m) => {
        nodeMaking(m, "f").input!.reverse();
      },
      /not those planned/,
    ],
  ])("finds %s", async (_, change, sentence) => {
    const proof = await tampered(change);
    const check = proof.checks[2];
    expect(check.passed).toBe(false);
    expect(check.name === "nothing else changed" && check.differences.join()).toMatch(sentence);
  });
});
