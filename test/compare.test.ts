import fs from "node:fs";
import path from "node:path";
import {
  type Comparison,
  compare,
  laurelize,
  type Model,
  openModel,
  type VariantName,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

const PLAIN = `<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 6, 8] x) => (float[N, 6, 8] out)
<float[8, 8] w, float[8] scale, float[8] shift>
{
  [/block/norm/LayerNormalization] normed = LayerNormalization<axis = -1, epsilon = 0.001>(x, scale, shift)
  [/block/MatMul] f = MatMul(normed, w)
  [/block/Sub] d = Sub(f, x)
  [/block/Softmax] s = Softmax<axis = 1>(d)
  [/block/Add] y = Add(x, s)
  out = Tanh(y)
}`;

/** A model after somebody has changed it. */
function changed(bytes: Uint8Array, change: (model: ModelProto) => void): Uint8Array {
  const proto = onnx.ModelProto.decode(bytes) as ModelProto;
  change(proto);
  return onnx.ModelProto.encode(proto).finish();
}

async function compared(a: Uint8Array, b: Uint8Array): Promise<Comparison> {
  return compare(await openModel(a), await openModel(b), { ort });
}

const making = (model: ModelProto, output: string) =>
  model.graph!.node!.find((node) => node.output!.includes(output))!;
const weight = (model: ModelProto, name: string) =>
  model.graph!.initializer!.find((tensor) => tensor.name === name)!;
const attribute = (model: ModelProto, output: string, name: string) =>
  making(model, output).attribute!.find((each) => each.name === name)!;
const shift = (bytes: Uint8Array, by: number) => {
  const values = new Float32Array(new Uint8Array(bytes).buffer).map(
    (value, k) => value + by * (1 + k),
  );
  return new Uint8Array(values.buffer);
};

/** What makes the models differ, beside the outputs. */
const serious = ({ findings }: Comparison) =>
  findings.filter(({ harmless }) => !harmless).map(({ kind, where }) => `${kind}: ${where}`);

/** A laurelized model whose new weights are no longer neutral. */
async function moved(variant: VariantName): Promise<Uint8Array> {
  const model: Model = await openModel(fixture("pre-norm-mlp"));
  const { model: result, plan } = await laurelize(model, { ort, variant, rank: 4 });
  const names = plan.sites
    .flatMap(({ parameters }) => Object.values(parameters))
    .map((t) => t.name);
  return changed(result.toBytes(), (proto) => {
    for (const [k, name] of names.entries()) {
      const tensor = weight(proto, name);
      tensor.rawData = shift(tensor.rawData!, 0.1 + 0.2 * k);
    }
  });
}

describe("two models that are the same", () => {
  it("are: a model and itself, and the same written by another encoder", async () => {
    const bytes = modelOfText(PLAIN);
    for (const other of [bytes, changed(bytes, () => {})]) {
      const comparison = await compared(bytes, other);
      expect(comparison).toMatchObject({ same: true, first: null, findings: [], inputs: 3 });
      expect(comparison.outputs.map(({ plain }) => plain.bitEqual)).toEqual([true]);
    }
  });

  it("are: a model and its laurelized form, whose new nodes are reported for information", async () => {
    const model = await openModel(fixture("pre-norm-mlp"));
    const { model: result } = await laurelize(model, { ort, variant: "rw+lr", rank: 4 });
    const comparison = await compare(model, result, { ort });
    expect(comparison.same).toBe(true);
    expect(serious(comparison)).toEqual([]);
    expect(comparison.findings.find(({ kind }) => kind === "node")?.what).toMatch(/MatMul.* more/);
    expect(comparison.findings.find(({ kind }) => kind === "metadata")?.what).toMatch(/is new/);
  });

  it("are: two models that write an unknown size as -1", async () => {
    const open = changed(modelOfText(PLAIN), (model) => {
      model.graph!.input![0].type!.tensorType!.shape!.dim = [-1, 6, 8].map((dimValue) => ({
        dimValue,
      }));
    });
    expect(await compared(open, open)).toMatchObject({ same: true, dims: { "x.0": 1 } });
  });

  it("are: a model and its renumbered form, of which nothing is said to be gone", async () => {
    const numbered = (from: number) =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] out) <float[8, 8] w>
      { ${from} = MatMul(x, w) ${from + 1} = Relu(${from}) ${from + 2} = LeakyRelu<alpha = 0.5>(${from + 1})
        ${from + 3} = Softmax<axis = 1>(${from + 2}) ${from + 4} = Softmax<axis = 0>(${from + 3})
        out = Add(x, ${from + 4}) }`);
    const comparison = await compared(numbered(10), numbered(11));
    expect(comparison).toMatchObject({ same: true, findings: [] });
  });
});

describe("models that only the optimizer moves apart, whose first has no noise", () => {
  const hundreds = (last: number) => `{${Array(15).fill("100.0").join()}, ${last.toFixed(5)}}`;
  const adding = (sum: string, last = 100) => `<ir_version: 8, opset_import: ["" : 17]>
    g (float[4, 1024] x) => (float[4, 16] y)
    <float[1024, 16] w, float[16] b = ${hundreds(last)}, float less = {-100.0}>
    { h = MatMul(x, w) ${sum} y = Add(s, less) }`;
  // A Gemm adds b first, and the products of 1,024 elements in parts.
  const first = modelOfText(adding("k = Max(h) s = Add(k, b)"));

  it("compute the same: flipping last bits of weights shows how much is rounding", async () => {
    const { outputs, verdict } = await compared(first, modelOfText(adding("s = Add(h, b)")));
    const [{ plain, optimized, noise, nudged, tolerance }] = outputs;
    expect([verdict, plain.bitEqual, nudged]).toEqual(["same function", true, true]);
    expect(optimized.absolute).toBeGreaterThan(4 * 2 ** -23);
    expect(tolerance).toBe(4 * noise);
    expect(noise).toBeLessThanOrEqual(2 ** -16);
  });

  it("differ if a weight does, by so little as three of its last places", async () => {
    const { outputs, verdict } = await compared(
      first,
      modelOfText(adding("s = Add(h, b)", 100.00002)),
    );
    expect([verdict, outputs[0].nudged]).toEqual(["different", false]);
  });
});

describe("weights that an exporter has numbered", () => {
  const numbered = (first: number, one = "", two = "") =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[2, 4] x) => (float[2, 4] out)
    <float[4, 4] onnx::MatMul_${first} ${one}, float[4, 4] onnx::MatMul_${first + 1} ${two}>
    { [/a/MatMul] h = MatMul(x, onnx::MatMul_${first}) [/b/MatMul] out = MatMul(h, onnx::MatMul_${first + 1}) }`);
  const values = (value: number) => `= {${new Array(16).fill(value).join(", ")}}`;

  it("are checked against those that the same node reads", async () => {
    const a = changed(numbered(7), (model) => {
      weight(model, "onnx::MatMul_7").name = "onnx::MatMul_9";
      weight(model, "onnx::MatMul_8").name = "onnx::MatMul_7";
      weight(model, "onnx::MatMul_9").name = "onnx::MatMul_8";
      making(model, "h").input![1] = "onnx::MatMul_8";
      making(model, "out").input![1] = "onnx::MatMul_7";
    });
    expect(await compared(numbered(7), a)).toMatchObject({ same: true, findings: [] });
  });

  it("beside one that is computed in the second show that the node is the same", async () => {
    const scaled = (bias: string, more = "") =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 4] x) => (float[2, 4] 12) <float[4] scale, float[4] shift, float[4] one = {1.0, 1.0, 1.0, 1.0}>
      { h = Tanh(x) ${more} [Norm_9] 12 = LayerNormalization(h, scale, ${bias}) }`);
    const computed = scaled("b", "b = Mul(shift, one)");
    expect(serious(await compared(scaled("shift"), computed))).toEqual([]);
    const other = changed(computed, (model) => {
      making(model, "12").input![1] = "one";
    });
    expect(serious(await compared(scaled("shift"), other)).length).toBeGreaterThan(0);
  });

  it("are found stale under either name", async () => {
    for (const first of [7, 8]) {
      const a = numbered(7, values(0.125), values(0.5));
      const comparison = await compared(a, numbered(first, values(0.125), values(0.25)));
      expect(comparison.first).toMatchObject({ value: "out", a: { name: "/b/MatMul" } });
      expect(serious(comparison)).toEqual([
        first === 7
          ? "weight: weight onnx::MatMul_8"
          : "weight: weight onnx::MatMul_8 (onnx::MatMul_9 in the second)",
      ]);
    }
  });
});

describe("an error planted in a model", () => {
  const bytes = modelOfText(PLAIN);

  it.each<[string, (model: ModelProto) => void, string, string, string[]]>([
    [
      "operands swapped",
      (model) => making(model, "d").input!.reverse(),
      "d",
      "/block/Sub",
      ["node: node /block/Sub (Sub)"],
    ],
    [
      "a stale weight",
      (model) => {
        weight(model, "w").rawData = shift(weight(model, "w").rawData!, 0.01);
      },
      "f",
      "/block/MatMul",
      ["weight: weight w"],
    ],
    [
      "a lost attribute",
      (model) => {
        making(model, "s").attribute = [];
      },
      "s",
      "/block/Softmax",
      ["attribute: attribute axis of node /block/Softmax (Softmax)"],
    ],
    [
      "a changed epsilon",
      (model) => {
        attribute(model, "normed", "epsilon").f = 0.002;
      },
      "normed",
      "/block/norm/LayerNormalization",
      ["attribute: attribute epsilon of node /block/norm/LayerNormalization (LayerNormalization)"],
    ],
    [
      "another operator",
      (model) => {
        making(model, "y").opType = "Mul";
      },
      "y",
      "/block/Add",
      ["node: node /block/Add (Add)"],
    ],
  ])("%s: is found and located", async (_, change, value, node, findings) => {
    const comparison = await compared(bytes, changed(bytes, change));
    expect(comparison.same).toBe(false);
    expect(comparison.outputs[0].passed).toBe(false);
    expect(comparison.first).toMatchObject({ value, a: { name: node }, b: { name: node } });
    expect(comparison.first?.scope).toBe(node.replace(/\/\w+$/, ""));
    expect(serious(comparison)).toEqual(findings);
  });

  it("a dropped and a changed metadata entry, and one that is merely added", async () => {
    const entries = (...metadataProps: { key: string; value: string }[]) =>
      changed(bytes, (model) => {
        model.metadataProps = metadataProps as ModelProto["metadataProps"];
      });
    const [author, task] = [
      { key: "author", value: "a" },
      { key: "task", value: "b" },
    ];
    const a = entries(author, task);
    const dropped = await compared(a, entries(author));
    expect([dropped.same, serious(dropped)]).toEqual([false, ["metadata: metadata entry task"]]);
    expect(dropped.outputs[0].passed).toBe(true);
    const other = await compared(a, entries(task, { ...author, value: "c" }));
    expect([other.same, serious(other)]).toEqual([false, ["metadata: metadata entry author"]]);
    const added = await compared(entries(author), a);
    expect([added.same, added.findings.length]).toEqual([true, 1]);
  });

  it("α on the skip, and a stale new weight, once both models are trained", async () => {
    const trained = await moved("rw");
    const crossed = changed(trained, (model) => {
      const scaled = making(model, "y").input!.map((name) => making(model, name));
      const [a, b] = scaled.map((node) => node.input![1]);
      scaled[0].input![1] = b;
      scaled[1].input![1] = a;
    });
    const comparison = await compared(trained, crossed);
    expect(comparison.same).toBe(false);
    const { value, a, b } = comparison.first!;
    expect(value).toMatch(/^res\.laurel\.Mul/);
    expect([a.op, b.op]).toEqual(["Mul", "Mul"]);
    expect(a.inputs[0]).toBe(b.inputs[0]);
    expect(a.inputs[1]).not.toBe(b.inputs[1]);

    const low = await moved("lr");
    const name = "res.laurel.B";
    const stale = changed(low, (model) => {
      weight(model, name).rawData = new Uint8Array(weight(model, name).rawData!.length);
    });
    const second = await compared(low, stale);
    expect(second.first?.a.inputs).toContain(name);
    expect(serious(second)).toEqual([`weight: weight ${name}`]);
  });

  it("is found behind another value first if the outputs of the errors are several", async () => {
    const twice = changed(bytes, (model) => {
      making(model, "y").opType = "Mul";
      making(model, "d").input!.reverse();
    });
    const { first } = await compared(bytes, twice);
    expect(first).toMatchObject({ value: "d", compared: 3 });
  });
});

describe("a laurelized model as it starts, which computes the same whatever is crossed", () => {
  const bytes = changed(modelOfText(PLAIN), (model) => {
    model.graph!.initializer!.push(
      onnx.TensorProto.create({ name: "unread", dims: [1], dataType: 1, floatData: [1] }),
    );
  });
  const laurelized = async () => {
    const { model } = await laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 2 });
    return model.toBytes();
  };
  const slots = (model: ModelProto) => {
    const [skip, branch] = making(model, "y").input!.map((name) => making(model, name));
    return { skip, branch };
  };

  it.each<[string, (model: ModelProto) => void, string[]]>([
    ["the sum's operands", (m) => making(m, "y").input!.reverse(), ["node: node /block/Add (Add)"]],
    [
      "operands of an inserted Add",
      (m) => making(m, "/block/Add.laurel.Add").input!.reverse(),
      ["node: node /block/Add.laurel.Add (Add)"],
    ],
    [
      "α on the skip",
      (m) => {
        const { skip, branch } = slots(m);
        skip.input![1] = branch.input![1];
      },
      ["node: node /block/Add.laurel.Mul_1 (Mul)"],
    ],
    [
      "β on the branch",
      (m) => {
        const { skip, branch } = slots(m);
        branch.input![1] = skip.input![1];
      },
      ["node: node /block/Add.laurel.Mul_2 (Mul)"],
    ],
    [
      "a weight that nothing reads, lost",
      (m) => {
        m.graph!.initializer = m.graph!.initializer!.filter(({ name }) => name !== "unread");
      },
      ["weight: weights:"],
    ],
    [
      "another opset",
      (m) => {
        m.opsetImport![0].version = 18;
      },
      ["opset: opset ai.onnx"],
    ],
    [
      "an input of one size",
      (m) => {
        const [dim] = m.graph!.input![0].type!.tensorType!.shape!.dim!;
        Object.assign(dim, { dimParam: undefined, dimValue: 1 });
      },
      ["signature: input x"],
    ],
  ])("%s: is found and located", async (_, change, findings) => {
    const a = await laurelized();
    const comparison = await compared(a, changed(a, change));
    expect([comparison.verdict, serious(comparison)]).toEqual(["same function", findings]);
    expect(
      (
        await compared(
          a,
          changed(a, () => {}),
        )
      ).same,
    ).toBe(true);
  });

  it("an operator that is lost, but not one that is new", async () => {
    const model = (body: string) =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2] x) => (float[2] y) { ${body} }`);
    const [more, fewer] = [model("z = Identity(x) y = Relu(z)"), model("y = Relu(x)")];
    expect(serious(await compared(more, fewer))).toEqual(["node: nodes:"]);
    expect((await compared(fewer, more)).same).toBe(true);
  });
});

describe("models that cannot be fed", () => {
  it("are refused with a sentence if an input is bfloat16", async () => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (bfloat16[2] x) => (float[2] y) { y = Cast<to = 1>(x) }`);
    await expect(compared(model, model)).rejects.toThrow(
      "input x of model is of type bfloat16, which onnxruntime's JavaScript API does not support",
    );
  });
});

describe("models with other inputs or outputs", () => {
  const graph = (signature: string, body = "y = Relu(x)") =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]> g ${signature} { ${body} }`);
  const a = graph("(float[N, 4] x) => (float[N, 4] y)");

  it.each([
    [
      "another name",
      graph("(float[N, 4] u) => (float[N, 4] y)", "y = Relu(u)"),
      /input x is only in the first; input u is only in the second/,
    ],
    [
      "another type",
      graph("(double[N, 4] x) => (double[N, 4] y)"),
      /input x is float in the first, double/,
    ],
    [
      "another size",
      graph("(float[N, 5] x) => (float[N, 5] y)"),
      /input x has the shape \[N, 4\] in the first, \[N, 5\]/,
    ],
  ])("cannot take the same inputs: %s", async (_, b, sentence) => {
    const comparison = await compared(a, b);
    expect(comparison).toMatchObject({ same: false, outputs: [] });
    expect(comparison.apart).toMatch(sentence);
    expect(comparison.apart).toMatch(/^the two cannot be given the same inputs: .*\.$/);
  });

  it("are fed with the sizes that the second has fixed", async () => {
    const fixed = graph("(float[3, 4] x) => (float[3, 4] y)");
    const comparison = await compared(a, fixed);
    expect(comparison).toMatchObject({ verdict: "same function", dims: { N: 3 } });
    expect(serious(comparison)).toEqual(["signature: input x", "signature: output y"]);
    const freed = await compared(fixed, a);
    expect(freed).toMatchObject({ verdict: "same function", apart: null });
    expect(serious(freed)).toEqual(["signature: input x", "signature: output y"]);
  });

  it.each([
    ["another name of a size", "(float[M, 4] x) => (float[N, 4] y)", ["signature: input x"]],
    [
      "an output's size that is lost",
      "(float[N, 4] x) => (float[N, K] y)",
      ["signature: output y"],
    ],
    [
      "no name of a size",
      "(float[?, 4] x) => (float[?, 4] y)",
      ["signature: input x", "signature: output y"],
    ],
  ])("compute the same, and differ in %s", async (_, signature, places) => {
    const other = graph(signature);
    const comparison = await compared(a, other);
    expect([comparison.verdict, serious(comparison)]).toEqual(["same function", places]);
    if (signature.includes("?")) expect((await compared(other, a)).verdict).toBe("same");
  });

  it("differ if the order or the number of outputs does", async () => {
    const body = "y = Relu(x) z = Tanh(x)";
    const one = graph("(float[2] x) => (float[2] y, float[2] z)", body);
    const turned = await compared(one, graph("(float[2] x) => (float[2] z, float[2] y)", body));
    expect([turned.same, serious(turned)]).toEqual([false, ["signature: outputs"]]);
    const fewer = await compared(one, graph("(float[2] x) => (float[2] y)", body));
    expect([fewer.same, serious(fewer)]).toEqual([false, ["signature: output z"]]);
  });
});

describe("laurelize compare a.onnx b.onnx", () => {
  const folder = temporaryFolder();
  const write = (name: string, bytes: Uint8Array) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  const a = write("a.onnx", modelOfText(PLAIN));
  const b = write(
    "b.onnx",
    changed(modelOfText(PLAIN), (model) => {
      attribute(model, "normed", "epsilon").f = 0.002;
    }),
  );

  it("exits 0 if they are the same, 1 if they differ, 2 if one is unreadable", () => {
    const same = cli(["compare", a, a, "--dim", "N=2"]);
    expect(same).toMatchObject({ code: 0, stderr: "" });
    expect(same.stdout).toMatch(/same function +bit-equal on 3 inputs.*with N=2/);
    expect(same.stdout).toContain("the two models are the same");
    expect(cli(["compare", a, a, "-q"])).toEqual({ code: 0, stdout: "", stderr: "" });
    const differ = cli(["compare", a, b]);
    expect(differ).toMatchObject({ code: 1, stderr: "" });
    expect(differ.stdout).toMatch(
      /first value that differs: normed, by \S+ \(\S+ ULP\), in \/block\/norm; 0 before it/,
    );
    expect(differ.stdout).toMatch(
      /attribute epsilon .* is 0\.001\d* in the first, 0\.002\d* in the/,
    );
    expect(cli(["compare", a, b, "-q"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("first value that differs: normed"),
    });
    const missing = cli(["compare", a, path.join(folder, "none.onnx")]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toMatch(/^laurelize: .*none\.onnx does not exist[^\n]*\n$/);
  });

  it("writes out line breaks in names, which would forge lines of the report", () => {
    const named = (name: string) => (model: ModelProto) => {
      for (const [k, node] of model.graph!.node!.entries()) node.name = `${k}${name}`;
      making(model, "normed").name += "\nlaurelize: done";
    };
    const [x, y] = [a, b].map((file, k) => {
      const forged = path.join(folder, `forged-${k}.onnx`);
      fs.writeFileSync(forged, changed(fs.readFileSync(file), named("\n✓ all")));
      return forged;
    });
    for (const words of [
      ["compare", x, y, "--all"],
      ["diff", x, y],
      [x, "--dry-run"],
    ]) {
      const { stdout, stderr } = cli(words);
      expect(stdout).toMatch(/\\n✓ all/);
      expect(
        (stdout + stderr).split("\n").filter((line) => /^(✓ all|laurelize: d)/.test(line)),
      ).toEqual([]);
    }
  });

  it("prints one JSON document with --json", () => {
    const { code, stdout } = cli(["compare", a, b, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ a, b, same: false, first: { value: "normed" } });
  });
});
