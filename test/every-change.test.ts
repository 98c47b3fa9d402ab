import fs from "node:fs";
import path from "node:path";
import { type Comparison, compare, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;
type Node = NonNullable<NonNullable<ModelProto["graph"]>["node"]>[number];

/** A model with something of every kind: weights, Constants, bodies, optional inputs, descriptions. */
const BYTES = (() => {
  const proto = onnx.ModelProto.decode(
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 4] x, bool p) => (float[N, 4] out)
      <float[4, 4] w, float[4] scale, float[4] shift, float[4] unread, float one = {1}, float low = {-9}, float high = {9}>
      { [/a/MatMul] f = MatMul(x, w)
        [/a/Mul] m = Mul(f, one)
        [/a/Relu] t = Relu(m)
        [/a/Clip] c = Clip(t, low, high)
        [/a/Norm] n = LayerNormalization<axis = -1, epsilon = 0.001>(c, scale, shift)
        [/a/If] z = If<then_branch = then () => (float[N, 4] u) <float[4] k> { [i] u = Add(n, k) },
                        else_branch = other () => (float[N, 4] v) { [j] v = Identity(n) }>(p)
        [/a/Add] y = Add(t, z)
        [/a/Tanh] out = Tanh(y) }`),
  ) as ModelProto;
  const info = (name: string) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "N" }, { dimValue: 4 }] } } },
  });
  proto.producerVersion = "1";
  proto.modelVersion = 1 as never;
  proto.graph!.input![0].docString = "doc";
  proto.graph!.initializer![0].docString = "doc";
  proto.domain = "d";
  proto.docString = "doc";
  proto.metadataProps = [{ key: "k", value: "v" }] as ModelProto["metadataProps"];
  proto.graph!.docString = "doc";
  proto.graph!.node![0].docString = "doc";
  proto.graph!.valueInfo = [info("f"), info("y")] as never;
  proto.graph!.quantizationAnnotation = [
    { tensorName: "f", quantParameterTensorNames: [{ key: "SCALE_TENSOR", value: "one" }] },
  ] as never;
  return onnx.ModelProto.encode(proto).finish();
})();

function changed(change: (model: ModelProto) => void): Uint8Array {
  const proto = onnx.ModelProto.decode(BYTES) as ModelProto;
  change(proto);
  return onnx.ModelProto.encode(proto).finish();
}

const compared = async (b: Uint8Array): Promise<Comparison> =>
  compare(await openModel(BYTES), await openModel(b), { ort });

const graph = (model: ModelProto) => model.graph!;
const node = (model: ModelProto, output: string) =>
  graph(model).node!.find((each) => each.output!.includes(output))!;
const weight = (model: ModelProto, name: string) =>
  graph(model).initializer!.find((each) => each.name === name)!;
const body = (model: ModelProto, k: number) => node(model, "z").attribute![k].g!;
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const copy = (model: ModelProto, output: string, renamed: string): Node =>
  onnx.NodeProto.create({ ...node(model, output), name: renamed, output: [renamed] }) as Node;
const insertAfter = (model: ModelProto, output: string, other: Node) => {
  const nodes = graph(model).node!;
  nodes.splice(nodes.indexOf(node(model, output)) + 1, 0, other);
};
const without = (model: ModelProto, name: string) => {
  graph(model).initializer = graph(model).initializer!.filter((each) => each.name !== name);
};

const CHANGES: Record<string, (model: ModelProto) => void> = {
  "another producer": (m) => {
    m.producerName = "other";
  },
  "no producer": (m) => {
    m.producerName = "";
  },
  "another producer's version": (m) => {
    m.producerVersion = "2";
  },
  "another domain": (m) => {
    m.domain = "e";
  },
  "a model's version": (m) => {
    m.modelVersion = 3 as never;
  },
  "another text about the model": (m) => {
    m.docString = "other";
  },
  "another IR version": (m) => {
    m.irVersion = 9 as never;
  },
  "another opset": (m) => {
    m.opsetImport![0].version = 18 as never;
  },
  "metadata lost": (m) => {
    m.metadataProps = [];
  },
  "metadata changed": (m) => {
    m.metadataProps![0].value = "w";
  },
  "another graph's name": (m) => {
    graph(m).name = "h";
  },
  "no text about the graph": (m) => {
    graph(m).docString = "";
  },
  "a quantization annotation lost": (m) => {
    graph(m).quantizationAnnotation = [];
  },
  "a quantization annotation changed": (m) => {
    graph(m).quantizationAnnotation![0].tensorName = "t";
  },
  "a value_info lost": (m) => {
    graph(m).valueInfo!.pop();
  },
  "a stale value_info": (m) => {
    graph(m).valueInfo![1].type!.tensorType!.shape!.dim![1].dimValue = 5 as never;
  },
  "a value_info of another type": (m) => {
    graph(m).valueInfo![0].type!.tensorType!.elemType = 11;
  },
  "a value_info of no value": (m) => {
    const info = onnx.ValueInfoProto.create({ ...graph(m).valueInfo![0], name: "gone" });
    graph(m).valueInfo!.push(info);
  },
  "a new value_info that is wrong": (m) => {
    const type = { tensorType: { elemType: 1, shape: { dim: [{}, { dimValue: 7 }] } } };
    const info = onnx.ValueInfoProto.fromObject({ name: "c", type });
    graph(m).valueInfo!.push(info);
  },
  "an input's text": (m) => {
    graph(m).input![0].docString = "other";
  },
  "a weight's value": (m) => {
    weight(m, "one").rawData = floats(1.5);
  },
  "a weight's value that does not matter": (m) => {
    weight(m, "high").rawData = floats(99);
  },
  "an unread weight's value": (m) => {
    weight(m, "unread").rawData = floats(9, 9, 9, 9);
  },
  "an unread weight lost": (m) => without(m, "unread"),
  "an unread weight renamed": (m) => {
    weight(m, "unread").name = "renamed";
  },
  "a weight renamed": (m) => {
    weight(m, "w").name = "renamed";
    node(m, "f").input![1] = "renamed";
  },
  "a constant replaced by another value under another name": (m) => {
    Object.assign(weight(m, "high"), { name: "other", rawData: floats(99) });
    node(m, "c").input![2] = "other";
  },
  "a constant of another value under another name, the old one still there": (m) => {
    const other = onnx.TensorProto.create({
      ...weight(m, "high"),
      name: "other",
      rawData: floats(99),
    });
    graph(m).initializer!.push(other);
    node(m, "c").input![2] = "other";
  },
  "a weight's shape": (m) => {
    weight(m, "one").dims = [1] as never;
  },
  "a weight's text": (m) => {
    weight(m, "w").docString = "";
  },
  "a node duplicated for one reader": (m) => {
    insertAfter(m, "t", copy(m, "t", "twin"));
    node(m, "y").input![0] = "twin";
  },
  "a node's name": (m) => {
    node(m, "t").name = "/a/Other";
  },
  "a node's name lost": (m) => {
    node(m, "t").name = "";
  },
  "a node's text": (m) => {
    node(m, "f").docString = "other";
  },
  "a node's operator": (m) => {
    node(m, "t").opType = "Identity";
  },
  "a value renamed": (m) => {
    node(m, "c").output![0] = "clipped";
    node(m, "n").input![0] = "clipped";
  },
  "a value and its node renamed": (m) => {
    Object.assign(node(m, "c"), { name: "/b", output: ["clipped"] });
    node(m, "n").input![0] = "clipped";
  },
  "operands exchanged": (m) => {
    node(m, "y").input!.reverse();
  },
  "another value read": (m) => {
    node(m, "c").input![0] = "m";
  },
  "an optional input left out": (m) => {
    node(m, "c").input!.pop();
  },
  "an attribute's value": (m) => {
    node(m, "n").attribute!.find(({ name }) => name === "epsilon")!.f = 0.002;
  },
  "an attribute lost": (m) => {
    node(m, "n").attribute!.shift();
  },
  "an attribute added": (m) => {
    node(m, "n").attribute!.push(
      onnx.AttributeProto.create({ name: "stash_type", type: 2, i: 1 as never }),
    );
  },
  "nodes in no topological order": (m) => {
    const nodes = graph(m).node!;
    [nodes[0], nodes[1]] = [nodes[1], nodes[0]];
  },
  "an output added": (m) => {
    graph(m).output!.push(onnx.ValueInfoProto.create({ ...graph(m).output![0], name: "y" }));
  },
  "a body's weight": (m) => {
    body(m, 0).initializer![0].rawData = floats(9, 9, 9, 9);
  },
  "a body's weight renamed": (m) => {
    body(m, 0).initializer![0].name = "kk";
    body(m, 0).node![0].input![1] = "kk";
  },
  "a body's name": (m) => {
    body(m, 1).name = "else";
  },
  "a body's operator": (m) => {
    body(m, 1).node![0].opType = "Relu";
  },
  "a body's operands exchanged": (m) => {
    body(m, 0).node![0].input!.reverse();
  },
  "a body's output renamed": (m) => {
    body(m, 1).node![0].output![0] = "w1";
    body(m, 1).output![0].name = "w1";
  },
};

it.each(Object.entries(CHANGES))("%s is detected", async (_, change) => {
  const { same, findings, verdict } = await compared(changed(change));
  expect([same, verdict], JSON.stringify(findings)).not.toEqual([true, "same"]);
  expect(same).toBe(false);
  expect(findings.some(({ harmless }) => !harmless)).toBe(true);
});

const ADDITIONS: Record<string, (model: ModelProto) => void> = {
  "nothing, by another encoder": () => {},
  "a metadata entry": (m) => {
    m.metadataProps!.push({ key: "new", value: "v" } as never);
  },
  "a weight that nothing reads": (m) => {
    graph(m).initializer!.push(onnx.TensorProto.create({ ...weight(m, "one"), name: "new" }));
  },
  "a node between a value and its reader": (m) => {
    insertAfter(
      m,
      "t",
      onnx.NodeProto.create({ opType: "Identity", input: ["t"], output: ["new"] }) as Node,
    );
    node(m, "y").input![0] = "new";
  },
  "a value_info that is right": (m) => {
    graph(m).valueInfo!.push(onnx.ValueInfoProto.create({ ...graph(m).valueInfo![0], name: "c" }));
  },
  "another topological order": (m) => {
    const nodes = graph(m).node!;
    const [norm] = nodes.splice(nodes.indexOf(node(m, "t")), 1);
    nodes.splice(nodes.indexOf(node(m, "m")) + 1, 0, norm);
  },
  "values in a field of numbers": (m) => {
    const one = weight(m, "one");
    one.floatData = [1];
    Reflect.deleteProperty(one, "rawData");
  },
};

it.each(Object.entries(ADDITIONS))("%s changes nothing of the first", async (_, change) => {
  const { same, findings } = await compared(changed(change));
  expect(findings.filter(({ harmless }) => !harmless)).toEqual([]);
  expect(same).toBe(true);
});

it("atol and rtol are checked element by element", async () => {
  const other = changed((m) => {
    weight(m, "w").rawData = new Uint8Array(
      new Float32Array(new Uint8Array(weight(m, "w").rawData!).buffer).map((x) => x * 1.001).buffer,
    );
  });
  const [a, b] = [await openModel(BYTES), await openModel(other)];
  expect((await compare(a, b, { ort })).verdict).toBe("different");
  for (const [tolerances, verdict] of [
    [{ atol: 0.1 }, "same function"],
    [{ rtol: 10, atol: 1e-3 }, "same function"],
    [{ atol: 1e-9 }, "different"],
    [{ rtol: 0 }, "different"],
  ] as const)
    expect((await compare(a, b, { ort, ...tolerances })).verdict).toBe(verdict);
  await expect(compare(a, b, { ort, atol: -1 })).rejects.toThrow(
    /atol must be a number of at least 0/,
  );
});

it("compare prints its verdict first, then a screen of differences, or all", () => {
  const folder = temporaryFolder();
  const write = (name: string, bytes: Uint8Array) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  const many = changed((m) => {
    for (const each of graph(m).node!) each.docString = `about ${each.name}`;
    for (const each of graph(m).initializer!) each.docString = "about";
    for (const each of graph(m).node!) each.name += "x";
  });
  const [a, b] = [write("a.onnx", BYTES), write("b.onnx", many)];
  const { code, stdout } = cli(["compare", a, b]);
  const lines = stdout.trimEnd().split("\n");
  expect(code).toBe(1);
  expect(lines[0]).toContain("the two models compute the same, but differ in their description");
  expect(lines.length).toBeLessThan(40);
  expect(stdout).toMatch(/and \d+ more \(--all lists them\)/);
  const all = cli(["compare", a, b, "--all"]).stdout;
  expect(all).not.toContain("more (--all");
  expect(all.split("\n").length).toBeGreaterThan(lines.length);
  expect(cli(["compare", a, b, "--atol", "1e-3", "--json"]).code).toBe(1);
  expect(cli(["compare", a, a, "--rtol", "1e-3"]).code).toBe(0);
});
