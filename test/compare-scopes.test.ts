import fs from "node:fs";
import path from "node:path";
import { type Comparison, compare, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const { onnx } = onnxProto;
type NodeProto = InstanceType<typeof onnx.NodeProto>;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

interface Graphlike {
  node?: NodeProto[] | null;
}

/** The nodes of a model, those in bodies and functions too. */
function* nodesOf({ node }: Graphlike): Generator<NodeProto> {
  for (const each of node ?? []) {
    yield each;
    for (const { g } of each.attribute ?? []) if (g) yield* nodesOf(g as Graphlike);
  }
}

/** A model after a node of it, wherever it is, has been changed. */
function planted(bytes: Uint8Array, output: string, change: (node: NodeProto) => void): Uint8Array {
  const model = onnx.ModelProto.decode(bytes) as ModelProto;
  const graphs = [model.graph!, ...((model.functions ?? []) as Graphlike[])] as Graphlike[];
  const nodes = graphs.flatMap((graph) => [...nodesOf(graph)]);
  change(nodes.find((node) => node.output!.includes(output))!);
  return onnx.ModelProto.encode(model).finish();
}

const swap = (node: NodeProto) => node.input!.reverse();
const to = (opType: string) => (node: NodeProto) => {
  node.opType = opType;
};

const compared = async (a: Uint8Array, b: Uint8Array): Promise<Comparison> =>
  compare(await openModel(a), await openModel(b), { ort });

const BRANCHES = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 4] x) => (float[2, 4] out) <int64[1] flag = {1}>
{ h = Relu(x) yes = Cast<to = 9>(flag)
  [/If] y = If<
    then_branch = t () => (float[2, 4] a) <float[4] k = {1.0, 2.0, 3.0, 4.0}>
      { [/t/Mul] m = Mul(h, k) [/t/Sub] d = Sub(m, x) a = Tanh(d) },
    else_branch = e () => (float[2, 4] b) { n = Neg(h) [/e/Sub] b = Sub(n, x) }>(yes)
  out = Add(y, x) }`);

const LOOP = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[4] x) => (float[4] out) <int64[1] rounds = {3}, int64[1] flag = {1}>
{ yes = Cast<to = 9>(flag) [/Loop] out = Loop<body = l (int64[1] i, bool[1] c, float[4] u) => (bool[1] again, float[4] v)
    { again = Identity(c) [/l/Tanh] s = Tanh(u) [/l/Sub] w = Sub(s, x) v = Add(w, s) }>(rounds, yes, x) }`);

const SCAN = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[4] start, float[3, 4] xs) => (float[4] last, float[4, 3] all)
{ [/Scan] last, all = Scan<body = s (float[4] u, float[4] e) => (float[4] v, float[4] o)
    { [/s/Sub] w = Sub(u, e) v = Tanh(w) o = Relu(w) }, num_scan_inputs = 1, scan_output_axes = [1]>(start, xs) }`);

/** A model that calls a function twice, its body given as nodes. */
function calling(body: string, domains: Record<string, number> = { "": 17 }): Uint8Array {
  const inner = onnx.ModelProto.decode(
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[2, 4] p, float[1] one) => (float[2, 4] q) { ${body} }`),
  ).graph!;
  const model = onnx.ModelProto.decode(
    modelOfText(`<ir_version: 8, opset_import: ["" : 17, "own" : 1, "com.microsoft" : 1]>
    g (float[2, 4] x) => (float[2, 4] out) <float[1] one = {1.0}>
    { [/first] a = own.F(x, one) r = Relu(a) [/second] out = own.F(r, one) }`),
  );
  const opsetImport = Object.entries(domains).map(([domain, version]) => ({ domain, version }));
  const [input, output] = [["p", "one"], ["q"]];
  model.functions = [
    onnx.FunctionProto.fromObject({ name: "F", domain: "own", input, output, opsetImport }),
  ];
  model.functions[0].node = inner.node!;
  return onnx.ModelProto.encode(model).finish();
}

const PLAIN_CALL = calling("s = Tanh(p) [/f/Sub] d = Sub(s, p) q = Tanh(d)");
const NESTED = calling(`z = Sub(one, one) yes = Greater(one, z)
  [/f/If] q = If<then_branch = t () => (float[2, 4] a) { [/f/Sub] d = Sub(p, one) a = Tanh(d) },
                 else_branch = e () => (float[2, 4] b) { b = Identity(p) }>(yes)`);

describe("an error planted inside", () => {
  it.each<[string, Uint8Array, string, (node: NodeProto) => void, string, string[]]>([
    ["a branch of an If", BRANCHES, "d", swap, "/t/Sub", ["then_branch of /If (If)"]],
    ["the body of a Loop", LOOP, "w", swap, "/l/Sub", ["body of /Loop (Loop)"]],
    ["the body of a Scan", SCAN, "w", swap, "/s/Sub", ["body of /Scan (Scan)"]],
    ["a function", PLAIN_CALL, "d", swap, "/f/Sub", ["function F of /first (own.F)"]],
    [
      "an If inside a function",
      NESTED,
      "d",
      to("Add"),
      "/f/Sub",
      ["function F of /first (own.F)", "then_branch of /f/If (If)"],
    ],
  ])("%s is located there", async (_, bytes, output, change, name, inside) => {
    expect(await compared(bytes, bytes)).toMatchObject({ verdict: "same", findings: [] });
    const comparison = await compared(bytes, planted(bytes, output, change));
    expect(comparison.verdict).toBe("different");
    expect(comparison.first).toMatchObject({ value: output, inside, a: { name }, b: { name } });
    expect(comparison.first?.difference?.absolute).toBeGreaterThan(0);
  });

  it.each<[string, (model: ModelProto) => void, string]>([
    [
      "another opset",
      ({ functions }) => {
        functions[0].opsetImport![0].version = 16;
      },
      "has the opsets ai.onnx 17 in the first, ai.onnx 16 in the second",
    ],
    [
      "inputs in another order",
      ({ functions }) => functions[0].input!.reverse(),
      "has the inputs p, one in the first, one, p in the second",
    ],
    [
      "a function that is lost",
      ({ graph, functions }) => {
        functions.length = 0;
        for (const node of graph!.node!.filter(({ opType }) => opType === "F"))
          Object.assign(node, { opType: "Mul", domain: "" });
      },
      "is only in the first",
    ],
  ])("a function's own description is reported: %s", async (_, change, what) => {
    const proto = onnx.ModelProto.decode(PLAIN_CALL.slice());
    change(proto);
    const comparison = await compared(PLAIN_CALL, onnx.ModelProto.encode(proto).finish());
    expect(comparison.same).toBe(false);
    const found = comparison.findings.find(({ kind }) => kind === "function");
    expect(found).toMatchObject({ where: "function own.F", what, harmless: false });
  });

  it("a loop is where it begins, and not where the next round reads it first", async () => {
    const { first } = await compared(LOOP, planted(LOOP, "v", to("Sub")));
    expect(first).toMatchObject({ value: "v", a: { op: "Add" }, b: { op: "Sub" } });
  });

  it("a stale branch is named, and no difference is reported if another branch runs", async () => {
    const stale = (output: string) =>
      planted(BRANCHES, output, ({ attribute }) => {
        const { g } = attribute!.find(({ name }) => name === "then_branch")!;
        g!.initializer![0].rawData = new Uint8Array(16).fill(1);
      });
    const taken = await compared(BRANCHES, stale("y"));
    expect(taken.first).toMatchObject({ value: "m", inside: ["then_branch of /If (If)"] });
    expect(taken.findings).toMatchObject([
      { kind: "weight", where: "weight k in then_branch of /If (If)", harmless: false },
    ]);
    for (const [output, change] of [
      ["n", to("Abs")],
      ["b", swap],
    ] as const) {
      const other = await compared(BRANCHES, planted(BRANCHES, output, change));
      expect(other).toMatchObject({ verdict: "same function", same: false, first: null });
      const [finding] = other.findings.filter(({ harmless }) => !harmless);
      expect(finding.where).toMatch(/^node .* in else_branch of \/If \(If\)$/);
    }
  });

  it("a function whose values cannot be exposed is located by how it is written", async () => {
    const bytes = calling(
      "s = com.microsoft.Gelu(p) [/f/Mul] q = com.microsoft.FusedMatMul<transB = 1, alpha = 0.5>(s, s)",
      {
        "com.microsoft": 1,
      },
    );
    const model = onnx.ModelProto.decode(bytes);
    for (const info of [...model.graph!.input!, ...model.graph!.output!])
      for (const dim of info.type!.tensorType!.shape!.dim!) dim.dimValue = 4;
    const square = onnx.ModelProto.encode(model).finish();
    const other = planted(square, "q", ({ attribute }) => {
      attribute!.find(({ name }) => name === "alpha")!.f = 0.25;
    });
    const { first, findings } = await compared(square, other);
    expect(first).toMatchObject({
      value: "q",
      inside: ["function F of /first (own.F)"],
      a: { name: "/f/Mul" },
      difference: null,
    });
    expect(findings).toMatchObject([
      { where: "attribute alpha of node /f/Mul (com.microsoft.FusedMatMul) in function F" },
    ]);
  });
});

describe("laurelize compare", () => {
  const folder = temporaryFolder();
  const place = (name: string, bytes: Uint8Array) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  const a = place("a.onnx", BRANCHES);
  const verdict = (stdout: string) => stdout.split("\n")[0];

  it("says where inside the two differ", () => {
    const { code, stdout } = cli(["compare", a, place("b.onnx", planted(BRANCHES, "d", swap))]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /first value that differs: d, by .*, in \/t, in then_branch of \/If \(If\); 2 before that/,
    );
    expect(verdict(stdout)).toBe("the two models compute different results");
  });

  it("distinguishes what computes the same under another description from what is built differently", async () => {
    const entry = (model: ModelProto) => {
      model.metadataProps!.push(onnx.StringStringEntryProto.create({ key: "task", value: "b" }));
      return onnx.ModelProto.encode(model).finish();
    };
    const told = place("told.onnx", entry(onnx.ModelProto.decode(BRANCHES) as ModelProto));
    const dropped = cli(["compare", told, a]);
    expect(dropped.code).toBe(1);
    expect(dropped.stdout).toMatch(/^✓ same function +bit-equal/m);
    expect(dropped.stdout).toMatch(
      /^✗ same description +1 difference\n +metadata entry task is lost/m,
    );
    expect(verdict(dropped.stdout)).toBe(
      "the two models compute the same, but differ in their description",
    );
    const other = place("other.onnx", planted(BRANCHES, "b", swap));
    const untaken = cli(["compare", a, other, "--json"]);
    expect([untaken.code, JSON.parse(untaken.stdout).verdict]).toEqual([1, "same function"]);
    expect(verdict(cli(["compare", a, other]).stdout)).toBe(
      "the two models compute the same, but differ in their contents",
    );
  });

  it("distinguishes onnxruntime's own rewriting, exact except for rounding, from an error", async () => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[1, 8, 6, 6] x) => (float[1, 8, 6, 6] out)
    <float[8, 8, 3, 3] w, float[8] scale, float[8] shift, float[8] mean,
     float[8] variance = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}>
    { f = Conv<pads = [1, 1, 1, 1]>(x, w) m = BatchNormalization(f, scale, shift, mean, variance)
      s = Sigmoid(m) p = Mul(m, s) out = Tanh(p) }`);
    const plain = place("plain.onnx", model);
    const optimized = path.join(folder, "optimized.onnx");
    const session = await sessionOn(plain, {
      graphOptimizationLevel: "extended",
      optimizedModelFilePath: optimized,
      logSeverityLevel: 4,
    });
    await session.release();
    const { code, stdout } = cli(["compare", plain, optimized]);
    expect(code).toBe(1);
    expect(verdict(stdout)).toMatch(/^the two models compute the same except for rounding/);
    const wrong = place(
      "wrong.onnx",
      planted(model, "p", (node) => {
        node.input = ["s", "s"];
      }),
    );
    expect(verdict(cli(["compare", plain, wrong]).stdout)).toMatch(/compute different results$/);
  });
});
