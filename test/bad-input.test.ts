import { spawnSync } from "node:child_process";
import path from "node:path";
import { InputError, laurelize, openModel, prove } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { concat } from "../src/onnx/bytes.ts";
import { FIELD } from "../src/onnx/messages.ts";
import { bytesField } from "../src/onnx/wire-writer.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolders } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { expectRefused } from "./support/refused.ts";
import { isNightly, swept } from "./support/sweep.ts";

const { onnx } = onnxProto;
const { newFolder, place } = temporaryFolders();
const good = Uint8Array.from(fixture("pre-norm-mlp"));
const refusedModel = (bytes: Uint8Array | string, word: string | RegExp, run = cli) => {
  const file = place(bytes);
  expectRefused([file], path.dirname(file), word, run);
};

/** The good model with something about it changed. */
const changed = (
  change: (model: onnxProto.onnx.IModelProto & { graph: onnxProto.onnx.IGraphProto }) => void,
) => {
  const model = onnx.ModelProto.toObject(onnx.ModelProto.decode(good)) as Parameters<
    typeof change
  >[0];
  change(model);
  return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
};

const text = (body: string) => modelOfText(`<ir_version: 8, opset_import: ["" : 17]> ${body}`);

describe("a file that is not a model", { timeout: 60_000 }, () => {
  it("empty", () => refusedModel("", "is empty"));
  it("text", () => refusedModel("# README\n\nNot a model.\n", "not a readable ONNX model"));
  it("zeros", () => refusedModel(new Uint8Array(4096), "not a readable ONNX model"));
  it("cut off", () => refusedModel(good.subarray(0, good.length / 2), "truncated"));
  it("a length beyond its end", () => {
    const bytes = Uint8Array.from([8, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 1]);
    refusedModel(bytes, "has 7 more");
  });
  it("missing", () => {
    const folder = newFolder();
    expectRefused([path.join(folder, "model.onnx")], folder, "does not exist");
  });
  it("a directory", () => {
    const folder = newFolder();
    expectRefused([folder], folder, "is a directory");
  });
  it("a FIFO", () => {
    const folder = newFolder();
    const fifo = path.join(folder, "model.onnx");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    expectRefused([fifo], folder, "not a regular file");
  });
  it("an .ort file, as onnxruntime writes it", async () => {
    const file = path.join(newFolder(), "model.ort");
    await ort.InferenceSession.create(good, {
      optimizedModelFilePath: file,
      logSeverityLevel: 3,
      extra: { session: { save_model_format: "ORT" } },
    });
    expectRefused([file], path.dirname(file), "ORT format");
  });
  it("a model truncated at any byte", async () => {
    for (const length of swept([...good.keys()], 6)) {
      const opened = openModel(good.slice(0, length)).then((model) =>
        laurelize(model, { ort, variant: "rw" }),
      );
      await expect(opened, `${length} bytes`).rejects.toThrow(InputError);
    }
  });
  it("a model with a byte of its structure overwritten is refused with a sentence or accepted", async () => {
    let taken = 0;
    for (let at = 0; at < good.length; at++)
      for (const byte of isNightly || at % 6 === 0 ? [0, 127, 255, good[at] ^ 1] : []) {
        const bytes = Uint8Array.from(good);
        bytes[at] = byte;
        // Weights, whose values may be any, are left out after the first.
        if (at > 360 && at < good.length - 60) continue;
        try {
          await laurelize(await openModel(bytes), { ort, variant: "rw" });
          taken++;
        } catch (error) {
          expect(error, `byte ${at} = ${byte}`).toBeInstanceOf(InputError);
          expect((error as Error).message).toMatch(/^[^\n]+$/);
        }
      }
    expect(taken).toBeGreaterThan(16);
  });
});

describe("an impossible model", { timeout: 60_000 }, () => {
  it.each([
    ["negative", [-8], /impossible shape \[-8\]/],
    ["enormous", [2 ** 40, 2 ** 40], /impossible shape/],
    ["more than is held", [9], /needs 36 bytes, but holds 32/],
  ])("dims of a weight: %s", (_, dims, word) =>
    refusedModel(
      changed(({ graph }) => {
        Object.assign(graph.initializer![0], { dims });
      }),
      word,
    ),
  );
  it("dims of a weight without raw data, in a Constant node in a branch", () =>
    refusedModel(
      changed(({ graph }) => {
        const t = { dims: [2 ** 40], dataType: 1, floatData: [1] };
        const constant = {
          opType: "Constant",
          output: ["c"],
          attribute: [{ name: "value", type: 4, t }],
        };
        const g = { name: "branch", node: [constant], output: [{ name: "c" }] };
        graph.node!.push({
          opType: "If",
          input: ["x"],
          output: ["i"],
          attribute: [{ name: "then_branch", type: 5, g }],
        });
      }),
      /\[1099511627776\], more elements than its \d+ bytes can hold/,
    ));
  it("dims of an input, enormous", () =>
    refusedModel(
      changed(({ graph }) => {
        graph.input![0].type!.tensorType!.shape!.dim![0] = { dimValue: 2 ** 40 };
      }),
      /input x/,
    ));
  it("a cycle", () =>
    refusedModel(
      text("g (float[2, 8] x) => (float[2, 8] y) { a = Add(x, b) b = Relu(a) y = Add(x, b) }"),
      "part of a cycle",
    ));
  it("a value that nothing makes", () =>
    refusedModel(
      text("g (float[2, 8] x) => (float[2, 8] y) { y = Add(x, nowhere) }"),
      "reads nowhere, which does not exist",
    ));
  it("a value that nothing makes, read by a node that makes none", () => {
    const model = onnx.ModelProto.decode(
      text("g (float[2, 8] x) => (float[2, 8] y) { y = Relu(x) }"),
    );
    model.graph!.node!.push(onnx.NodeProto.create({ opType: "Neg", input: ["nowhere"] }));
    return refusedModel(
      onnx.ModelProto.encode(model).finish(),
      "node without a name (Neg) reads nowhere",
    );
  });
  it("an output that nothing makes", () =>
    refusedModel(text("g (float[2, 8] x) => (float[2, 8] y) { z = Relu(x) }"), "output y"));
  it("a value defined twice", () =>
    refusedModel(
      text("g (float[2, 8] x) => (float[2, 8] y) { y = Relu(x) y = Tanh(x) }"),
      "value y is defined twice",
    ));
  it.each([
    ["by a node", "t () => (float[2, 8] o) { a = Tanh(x) o = Add(a, x) }"],
    ["by a weight", "t () => (float[2, 8] o) <float[2, 8] a> { o = Add(a, x) }"],
    ["of a value made later", "t () => (float[2, 8] o) { y = Tanh(x) o = Add(y, x) }"],
  ])("a body that shadows a name %s", (_, body) =>
    refusedModel(
      text(
        `g (float[2, 8] x, bool c) => (float[2, 8] y) { a = Relu(x) [branch] b = If<then_branch = ${body}, else_branch = e () => (float[2, 8] n) { n = Tanh(x) }>(c) y = Add(a, b) }`,
      ),
      /value [ay] of graph t, a body of branch, has the name of an outer value/,
    ),
  );
  it("an input without a name", () =>
    refusedModel(
      changed(({ graph }) => {
        graph.input![0].name = "";
        for (const node of graph.node!)
          node.input = node.input!.map((name) => name.replace("x", ""));
      }),
      "has no name",
    ));
  it("a value whose name holds a NUL, where onnxruntime cuts it", () =>
    refusedModel(
      changed(({ graph }) => {
        const renamed = (name: string) => name.replace(/^f$/, "f\0");
        for (const node of graph.node!) {
          node.input = node.input!.map(renamed);
          node.output = node.output!.map(renamed);
        }
      }),
      "rename it",
    ));
  it("no node whose name holds a NUL", async () => {
    const named = changed(({ graph }) => {
      for (const [k, node] of graph.node!.entries()) node.name = `${k}\0`;
    });
    const laurel = await laurelize(await openModel(named), { ort, variant: "rw+lr", rank: 2 });
    expect((await prove(laurel, { ort })).passed).toBe(true);
  });
  it.each(["__proto__", "constructor"])("no dimension named %s", async (name) => {
    const named = text(
      `g (float[${name}, 8] x) => (float[${name}, 8] out) <float[8, 8] v, float[8, 8] w>
      { h = Relu(x) f = MatMul(h, v) y = Add(x, f) out = MatMul(y, w) }`,
    );
    const laurel = await laurelize(await openModel(named), { ort, variant: "rw+lr", rank: 2 });
    expect((await prove(laurel, { ort })).passed).toBe(true);
    expect((await prove(laurel, { ort, extent: "sites" })).passed).toBe(true);
  });
  it.each(["__proto__", "constructor"])("no function named %s", async (name) => {
    const called = modelOfText(`<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
      net (float[N, 4, 8] x) => (float[N, 4, 8] y) <float[8, 8] w, float[8] g>
      { m = MatMul(x, w) f = Relu(m) s = Add(x, f) c = own.${name}(s) y = LayerNormalization(c, g) }
      <domain: "own", opset_import: ["" : 17]>
      ${name} (a) => (b) { b = Relu(a) }`);
    const laurel = await laurelize(await openModel(called), { ort, variant: "lr", rank: 2 });
    expect((await prove(laurel, { ort })).passed).toBe(true);
  });
  it("names that would break the line", () =>
    refusedModel(
      changed(({ graph }) => {
        graph.node![0].input![0] = "no\nwhere\u001b[31m";
      }),
      "reads no where",
    ));
  it("a function that calls itself", () => {
    const call = (name: string) => ({ opType: name, domain: "own", input: ["x"], output: ["y"] });
    const body = (name: string, callee: string) => ({
      name,
      domain: "own",
      input: ["x"],
      output: ["y"],
      node: [call(callee)],
    });
    refusedModel(
      changed((model) => {
        Object.assign(model, { functions: [body("F", "G"), body("G", "F")] });
        model.graph.node!.push({ ...call("F"), output: ["z"] });
      }),
      "calls itself",
    );
  });
  it("functions that call others twice, forty deep, unless only the first three are called", async () => {
    const call = (k: number, input: string, output: string) =>
      k < 0
        ? { opType: "Identity", input: [input], output: [output] }
        : { opType: `F${k}`, domain: "own", input: [input], output: [output] };
    const functions = Array.from({ length: 40 }, (_, k) => ({
      name: `F${k}`,
      domain: "own",
      input: ["a"],
      output: ["c"],
      node: [call(k - 1, "a", "b"), call(k - 1, "b", "c")],
      opsetImport: [{ version: 17 }, { domain: "own", version: 1 }],
    }));
    const calling = (k: number) =>
      changed((model) => {
        Object.assign(model, { functions });
        model.opsetImport!.push({ domain: "own", version: 1 });
        model.graph.node!.push(call(k, "x", "z"));
      });
    refusedModel(calling(39), "more than 100000 nodes");
    const few = await openModel(calling(2));
    expect((await laurelize(few, { ort, variant: "rw" })).plan.sites).toHaveLength(1);
  });
  it("a thousand nested Ifs", () => {
    let branch: Uint8Array = Uint8Array.from([]);
    const field = (number: number, body: Uint8Array) => {
      const writer = onnx.GraphProto.encode({ name: "" });
      return writer
        .uint32(number * 8 + 2)
        .bytes(body)
        .finish();
    };
    for (let depth = 0; depth < 1000; depth++) branch = field(1, field(5, field(6, branch)));
    refusedModel(
      Buffer.concat([changed((model) => model), field(7, branch)]),
      "nested more than 100 deep",
    );
  });
  /** The good model, and a node behind its others: protobuf merges the parts of a graph. */
  const withNode = (node: Uint8Array) =>
    concat([good, bytesField(FIELD.modelGraph, bytesField(FIELD.graphNode, node))]);
  it("no tensor that is split into parts, as many as it has values", async () => {
    const count = 20_000;
    const value = onnx.TensorProto.encode({ floatData: [1] }).finish();
    const t = { name: "c", dims: [count], dataType: 1 };
    const attribute = concat([
      onnx.AttributeProto.encode({ name: "value", type: 4, t }).finish(),
      ...Array<Uint8Array>(count).fill(bytesField(5, value)),
    ]);
    const node = onnx.NodeProto.encode({ opType: "Constant", output: ["c"] }).finish();
    const split = withNode(concat([node, bytesField(FIELD.nodeAttribute, attribute)]));
    const [before, after] = await Promise.all([openModel(good), openModel(split)]);
    expect(after.weights).toBe(before.weights + count);
  });
  it.skipIf(!isNightly)("a small file that decodes to more than fits into memory", () => {
    const attribute = bytesField(FIELD.nodeAttribute, new Uint8Array());
    refusedModel(withNode(concat(Array(3e6).fill(attribute))), "than fit into memory");
  });
  it("what onnxruntime does not accept as a model", () => {
    const dims = [{ dimParam: "N" }, { dimValue: 6 }, { dimValue: 8 }];
    const type = { tensorType: { elemType: 1, shape: { dim: dims } } };
    const broken = (valueInfo: object[]) =>
      place(
        changed(({ graph }) => {
          graph.node!.push({ opType: "Gather", input: ["x", "x"], output: ["bad"], attribute: [] });
          graph.valueInfo = valueInfo;
        }),
      );
    const typed = broken(["f", "y"].map((name) => ({ name, type })));
    for (const model of [typed, broken([])])
      expectRefused(
        [model, "-q"],
        path.dirname(model),
        /onnxruntime cannot load this model: .*Gather/,
      );
  });
  it.each<[string, (model: onnxProto.onnx.IModelProto) => void, RegExp]>([
    [
      "an IR version",
      (model) => {
        model.irVersion = 99;
      },
      /IR version: 99, max supported IR version: \d+/,
    ],
    [
      "an operator set",
      (model) => {
        model.opsetImport = [{ domain: "", version: 99 }];
      },
      /failed: ONNX Runtime only \*guarantees\* .*Opset 99 is under development/,
    ],
    [
      "a name that two nodes have",
      ({ graph }) => {
        for (const node of graph!.node!) node.name = "same";
      },
      /two nodes with same node name \(same\)/,
    ],
    [
      "an operator that no operator set has",
      ({ graph }) => {
        graph!.node![0].opType = "Nonsense";
      },
      /No Op registered for Nonsense/,
    ],
  ])("%s that onnxruntime cannot load", (_, change, reason) => {
    const file = place(changed(change));
    for (const command of [[], ["inspect"]]) {
      const { code, stderr } = cli([...command, file]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
      expect(stderr).toMatch(/^laurelize: [^\n]*onnxruntime cannot load this model: [^\n]*\n$/);
    }
  });
  it("a split of 0, at which onnxruntime would end the process", () =>
    refusedModel(
      changed(({ graph }) => {
        graph.initializer!.push({ name: "none", dims: [], dataType: 7, int64Data: [0] });
        graph.node!.push({
          name: "split",
          opType: "SplitToSequence",
          input: ["x", "none"],
          output: ["pieces"],
          attribute: [],
        });
      }),
      "SplitToSequence at split splits into pieces of size 0",
    ));
  it("an opset that onnxruntime does not run", () =>
    refusedModel(
      changed((model) => {
        model.opsetImport = [{ version: 6 }];
      }),
      "opset 6",
    ));
});
