import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { findResiduals, openModel } from "laurelize";
import onnxProto from "onnx-proto";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { concat } from "../src/onnx/bytes.ts";
import { bytesField } from "../src/onnx/wire-writer.ts";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { expectRefused } from "./support/refused.ts";
import { elsewhere, PLACES } from "./support/tensor-places.ts";

const { onnx } = onnxProto;
const scratch = fs.realpathSync(temporaryFolder());
let count = 0;

/** A folder with a secret beside it, and a model in it that keeps a tensor at a location. */
function place(model: Uint8Array) {
  const around = path.join(scratch, String(count++));
  const folder = path.join(around, "model");
  fs.mkdirSync(folder, { recursive: true });
  const secret = path.join(around, "secret");
  fs.writeFileSync(secret, "twelve bytes");
  const file = path.join(folder, "m.onnx");
  fs.writeFileSync(file, model);
  return { folder, secret, file, at: (name: string) => path.join(folder, name) };
}

const opens = async (file: string, trustLinks = false) => {
  const model = await openModel(file, { trustLinks });
  model.close();
  return [...model.dataFiles];
};
const refuses = (file: string, word: string | RegExp, trustLinks = false) =>
  expect(opens(file, trustLinks)).rejects.toThrow(
    expect.objectContaining({ name: "InputError", message: expect.stringMatching(word) }),
  );
const initializer = PLACES["an initializer"];

describe.each(Object.entries(PLACES))("data outside, in %s", (_, model) => {
  it("is refused by its name, and by a link of either kind that leads out", async () => {
    for (const location of ["/etc/hostname", "../secret", "sub\\..\\..\\secret", "C:\\secret"])
      await refuses(place(model(location)).file, /outside its own folder/);
    const linked = place(model("sub/secret"));
    fs.symlinkSync("..", linked.at("sub"));
    await refuses(linked.file, /link to a file outside/);
    const hard = place(model("w.data"));
    fs.linkSync(hard.secret, hard.at("w.data"));
    await refuses(hard.file, /has 2 hard links.*--trust-links/);
    expect(await opens(hard.file, true)).toEqual(["w.data"]);
  });

  it("is found beside the model", async () => {
    const { file, at } = place(model("w.data"));
    fs.writeFileSync(at("w.data"), "twelve bytes");
    expect(await opens(file)).toEqual(["w.data"]);
    await expect(openModel(model("../secret"))).rejects.toThrow(/outside its own folder/);
  });
});

describe("a location that is not a file", () => {
  it.each([
    ["*/_ORT_MEM_ADDR_/*", /address in memory/],
    ["*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*", /address in memory/],
    ["w.data\0../secret", /missing/],
    ["\\\\server\\share\\w.data", /outside its own folder/],
    [".", /outside its own folder/],
  ])("%j is refused", async (location, word) => {
    const { file, at } = place(initializer(location));
    fs.writeFileSync(at("w.data"), "twelve bytes");
    for (const tag of ["_ORT_MEM_ADDR_", "_ORT_NATIVE_ENDIAN_MEM_ADDR_"]) {
      fs.mkdirSync(at(`*/${tag}`), { recursive: true });
      fs.writeFileSync(at(`*/${tag}/*`), "twelve bytes");
    }
    await refuses(file, word, true);
  });

  it("is refused if protobuf reads another number than was written", async () => {
    const far = (number: number[]) => {
      const bytes = elsewhere("../secret", "c");
      // EXTERNAL as 2^32 + 1, of which protobuf keeps 32 bits; and a number after it, which it skips.
      const more = concat([bytes, new Uint8Array([0x70, ...number])]);
      return concat([modelOfText(BLOCK), bytesField(7, bytesField(5, more))]);
    };
    for (const number of [[0x81, 0x80, 0x80, 0x80, 0x10], [7]])
      await refuses(place(far(number)).file, /outside its own folder/);
    await refuses(place(far([0])).file, /needs 3 values, but holds 0/);
  });

  it("is refused soon if it is a pipe or a device", () => {
    const { file, folder, at } = place(initializer("w.data"));
    expect(spawnSync("mkfifo", [at("w.data")]).status).toBe(0);
    expectRefused([file, "--no-prove"], folder, "not a regular file");
    fs.rmSync(at("w.data"));
    fs.symlinkSync("/dev/zero", at("w.data"));
    expectRefused([file, "--no-prove", "--trust-links"], folder, "not a regular file");
  });
});

const BLOCK = `<ir_version: 8, opset_import: ["" : 17]>
  net (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w>
  { f = MatMul(x, w)  g = Relu(f)  y = Add(x, g) }`;

describe("a data file that is exchanged after it was checked", () => {
  it("is not read, whether it is another file or a link by then", async () => {
    const { file, secret, at } = place(initializer("w.data"));
    fs.writeFileSync(at("w.data"), "twelve bytes");
    const model = await openModel(file);
    const read = () => model.folder!.open("w.data").close?.();
    read();
    fs.renameSync(at("w.data"), at("kept"));
    fs.symlinkSync("kept", at("w.data"));
    read();
    fs.rmSync(at("w.data"));
    fs.copyFileSync(secret, at("w.data"));
    expect(read).toThrow(/was replaced while it was read/);
  });

  it("is copied as it was opened", async () => {
    const { file, secret, at } = place(initializer("w.data"));
    fs.writeFileSync(at("w.data"), "the weights.");
    const data = (await openModel(file)).folder!.open("w.data", true);
    fs.rmSync(at("w.data"));
    fs.symlinkSync(secret, at("w.data"));
    expect(Buffer.from(data.read(0, data.size)).toString()).toBe("the weights.");
    if (data.copyTo?.(at("copy"))) expect(fs.readFileSync(at("copy"), "utf8")).toBe("the weights.");
    data.close?.();
  });
});

describe("a hard link that pnpm made", () => {
  const inStore = (store: string, bytes: string, end = "") => {
    const hash = createHash("sha512").update(bytes).digest("hex");
    const folder = path.join(store, "files", hash.slice(0, 2));
    fs.mkdirSync(folder, { recursive: true });
    const file = path.join(folder, hash.slice(2) + end);
    fs.writeFileSync(file, bytes);
    return file;
  };

  /** An installed package with a model and its data, and what pnpm records of the store. */
  function installed(kept: (store: string) => string, record: (store: string) => string) {
    const root = path.join(scratch, String(count++));
    const store = path.join(root, "store/v10");
    fs.mkdirSync(store, { recursive: true });
    const folder = path.join(root, "node_modules/pkg");
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(root, "node_modules/.modules.yaml"), record(store));
    fs.writeFileSync(path.join(folder, "m.onnx"), initializer("w.data"));
    fs.linkSync(kept(store), path.join(folder, "w.data"));
    return { root, file: path.join(folder, "m.onnx"), out: path.join(root, "o.onnx") };
  }
  const json = (store: string) => JSON.stringify({ layoutVersion: 5, storeDir: store }, null, 2);
  const yaml = (store: string) => `layoutVersion: 5\nstoreDir: ${store}\nregistries: {}\n`;
  const copy = ["--copy-data", "--no-prove", "--feature-axis", "1"];

  it.each([
    ["its record is JSON", "", json],
    ["its record is YAML", "", yaml],
    ["the file may be run", "-exec", json],
  ])("is read and copied if the store holds the file under its hash: %s", (_, end, record) => {
    const { file, out } = installed((store) => inStore(store, "twelve bytes", end), record);
    expect(cli([file, ...copy, "-o", out]).code).toBe(0);
    expect(fs.readFileSync(`${out}.w.data`, "utf8")).toBe("twelve bytes");
  });

  it("is refused if the store holds another file by that name, or by another hash", async () => {
    const other = installed((store) => {
      inStore(store, "twelve bytes");
      fs.writeFileSync(path.join(store, "elsewhere"), "twelve bytes");
      return path.join(store, "elsewhere");
    }, json);
    await refuses(other.file, /hard links/);
    const altered = installed((store) => {
      const file = inStore(store, "twelve bytes");
      fs.writeFileSync(file, "other bytes!");
      return file;
    }, json);
    await refuses(altered.file, /hard links/);
  });

  it("is read and not copied if only its place in a virtual store says so", async () => {
    const root = path.join(scratch, String(count++));
    const folder = path.join(root, "node_modules/.pnpm/pkg@1.0.0/node_modules/pkg");
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(root, "secret"), "twelve bytes");
    fs.linkSync(path.join(root, "secret"), path.join(folder, "w.data"));
    const file = path.join(folder, "m.onnx");
    fs.writeFileSync(file, initializer("w.data"));
    expect(await opens(file)).toEqual(["w.data"]);
    expectRefused([file, ...copy, "-o", path.join(root, "o.onnx")], root, "--trust-links");
    expect(cli([file, ...copy, "--trust-links", "-o", path.join(root, "o.onnx")]).code).toBe(0);
  });
});

describe("payloads of packed types", () => {
  const packed = (dataType: number, dims: number[], payload: object) =>
    concat([
      modelOfText(BLOCK),
      bytesField(
        7,
        bytesField(5, onnx.TensorProto.encode({ name: "c", dims, dataType, ...payload }).finish()),
      ),
    ]);

  it.each([
    ["uint4", 21, 2],
    ["int4", 22, 2],
    ["float4e2m1", 23, 2],
    ["uint2", 25, 4],
    ["int2", 26, 4],
  ])("%s match their shape, raw or not", async (_, type, each) => {
    for (const n of [1, each, each + 1, 5 * each + 1]) {
      const bytes = Math.ceil(n / each);
      for (const [held, fits] of [
        [bytes, true],
        [bytes + 1, false],
        [bytes - 1, false],
      ] as const) {
        const raw = packed(type, [n, 1], { rawData: new Uint8Array(held) });
        const typed = packed(type, [n, 1], { int32Data: new Array(held).fill(255) });
        for (const model of [raw, typed])
          if (fits) await expect(openModel(model)).resolves.toBeDefined();
          else await expect(openModel(model)).rejects.toThrow(/but holds/);
      }
    }
  });

  it.each<[string, number, object, number]>([
    ["float", 1, { floatData: [1, 2, 3] }, 3],
    ["complex64", 14, { floatData: [1, 2, 3, 4] }, 2],
    ["double", 11, { doubleData: [1, 2] }, 2],
    ["int64", 7, { int64Data: [1, -2, 2 ** 40] }, 3],
    ["uint32", 12, { uint64Data: [1, 2 ** 31] }, 2],
    ["float16", 10, { int32Data: [0, 15360] }, 2],
    ["string", 8, { stringData: [new Uint8Array([65]), new Uint8Array()] }, 2],
  ])("%s and other types do", async (_, type, payload, n) => {
    await expect(openModel(packed(type, [n], payload))).resolves.toBeDefined();
    for (const other of [n - 1, n + 1])
      await expect(openModel(packed(type, [other], payload))).rejects.toThrow(/but holds/);
  });
});

describe("what is absurd", () => {
  it.each([
    [
      "an If",
      "z = If (c) <then_branch = t () => (float[] a) { a = own.F(x) }, else_branch = e () => (float[] b) { b = Relu(x) }>",
    ],
    [
      "a Loop",
      "z = Loop (n, c, x) <body = l (int64 i, bool go, float[] s) => (bool on, float[] r) { on = Identity(go) r = own.F(s) }>",
    ],
  ])("in calls is refused: a function that calls itself through %s", async (_, node) => {
    const [, call, attributes] = /^(z = \w+) (.*)$/.exec(node)!;
    const [, inputs, bodies] = /^(\(.*?\)) (<.*>)$/.exec(attributes)!;
    const model = (own: string) =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
      net (float[N, 4] x) => (float[N, 4] y) { f = own.F(x) y = Add(x, f) }
      <domain: "own", opset_import: ["" : 17, "own" : 1]>
      F (x) => (z)
      { c = Constant<value_int = 1>() n = Constant<value_int = 2>() ${call}${bodies.replaceAll("own.F", own)}${inputs} }`);
    await expect(openModel(model("own.F"))).rejects.toThrow(/function F calls itself/);
    await expect(openModel(model("Relu"))).resolves.toBeDefined();
  });

  const shaped = (rank: number) => {
    const shape = { dim: new Array(rank).fill({ dimValue: 1 }) };
    const info = { name: "z", type: { tensorType: { elemType: 1, shape } } };
    return concat([
      modelOfText(BLOCK),
      bytesField(7, bytesField(13, onnx.ValueInfoProto.encode(info).finish())),
    ]);
  };

  it("in ranks is refused", async () => {
    await expect(openModel(shaped(64))).resolves.toBeDefined();
    await expect(openModel(shaped(65))).rejects.toThrow(/has 65 axes/);
    const dims = new Array(1e5).fill(1);
    const tensor = onnx.TensorProto.encode({ name: "c", dims, dataType: 1, floatData: [1] });
    const model = concat([modelOfText(BLOCK), bytesField(7, bytesField(5, tensor.finish()))]);
    await expect(openModel(model)).rejects.toThrow(/has 100000 axes/);
  });

  const shapes = (n: string) => [
    `c = ConstantOfShape(n) s = Cast<to = 7>(c)`,
    `z = Constant<value_int = 0>() k = Constant<value_int = ${n}>() i = Constant<value_int = 1>() s = Range(z, k, i)`,
    `o = Constant<value_ints = [1]>() s = Expand(o, n)`,
    `o = Constant<value_ints = [1]>() s = Tile(o, n)`,
    `p = Constant<value_ints = [0, ${n}]>() o = Constant<value_ints = [1]>() s = Pad(o, p)`,
    `c = ConstantOfShape(n) o = Cast<to = 7>(c) s = Concat<axis = 0>(o, o)`,
  ];
  const reshaped = (n: string, made: string) =>
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 4] x) => (float[?, ?] y)
    { n = Constant<value_ints = [${n}]>() ${made} r = Reshape(x, s) e = Expand(x, s) f = Relu(r) y = Add(e, f) }`);

  it.each([2 ** 28, 2 ** 31, 2 ** 33, 2 ** 52].flatMap((n) => shapes(String(n))))(
    "in the length of a shape is refused: %s",
    async (made) => {
      const n = /\d{6,}/.exec(made)?.[0] ?? String(2 ** 33);
      const model = await openModel(reshaped(n, made));
      await expect(findResiduals(model, { ort })).rejects.toThrow(
        /reads s, a shape of \d+ sizes, but tensors have at most 1024 axes/,
      );
    },
  );

  it("in the length of a shape gives way to onnxruntime's own reason", async () => {
    // Before opset 12, a Clip takes no integers.
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 11]>
      net (int64[5000] s, float[1, 4] x) => (float[?, ?] y) { c = Clip(s) y = Expand(x, s) }`);
    await expect(findResiduals(await openModel(model), { ort })).rejects.toThrow(
      /onnxruntime cannot load this model: .*Clip/,
    );
  });

  it.each(shapes("2"))("in the length of a shape is no more than it seems: %s", async (made) => {
    const model = await openModel(reshaped("2", made));
    await expect(findResiduals(model, { ort })).resolves.toBeDefined();
  });

  it("in the keys of external data is passed over", async () => {
    const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const entries = keys.map((key) =>
      bytesField(13, onnx.StringStringEntryProto.encode({ key, value: "9" }).finish()),
    );
    const tensor = concat([elsewhere("w.data", "c"), ...entries]);
    const { file, at } = place(concat([modelOfText(BLOCK), bytesField(7, bytesField(5, tensor))]));
    fs.writeFileSync(at("w.data"), "twelve bytes");
    expect(await opens(file)).toEqual(["w.data"]);
    const { code, stderr } = cli([file, "--feature-axis", "1", "--rank", "2"]);
    expect([code, stderr]).toEqual([0, ""]);
  });
});
