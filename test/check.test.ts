import fs from "node:fs";
import path from "node:path";
import { checkForWeb, type Model, openModel, saveModel, splitModel, weightOf } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import * as onnxruntimeWeb from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { chromiumPath, placementsOf, readPlacements } from "../bin/chromium.ts";
import { webPackage } from "../bin/web-package.ts";
import { missingKernels, readKernels } from "../passes/check/web-kernels.ts";
import { sizeFindings, webSizes } from "../passes/check/web-sizes.ts";
import { cli, cliProcess } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { installed } from "./support/installed.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const { onnx } = onnxProto;
const root = path.join(import.meta.dirname, "..");
const folder = temporaryFolder();
const time = { timeout: 120_000 };
const at = (name: string) => path.join(folder, name);
const place = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(at(name), bytes);
  return at(name);
};
const check = (file: string, ...more: string[]) => cli(["check", file, "--no-browser", ...more]);

onnxruntimeWeb.env.wasm.numThreads = 1;
const web = {
  Tensor: onnxruntimeWeb.Tensor,
  InferenceSession: {
    create: (model: string | Uint8Array, options: object = {}) =>
      onnxruntimeWeb.InferenceSession.create(model as Uint8Array, {
        ...options,
        executionProviders: ["wasm"],
      }),
  },
};
const kernels = webPackage()!.kernels;
const text = (body: string, opsets = `"" : 17`) =>
  modelOfText(`<ir_version: 8, opset_import: [${opsets}]> ${body}`);
const checked = async (bytes: Uint8Array) =>
  checkForWeb(await openModel(bytes), { ort, web, kernels });

describe("checking a model for the web", time, () => {
  it.each(["pre-norm-transformer", "resnet-basic-block", "bottleneck-half-precision"])(
    "runs %s under both runtimes and compares within the noise that was measured",
    async (name) => {
      const { runs, compared, findings } = await checked(fixture(name));
      expect(compared).toMatchObject({ outcome: "passed", error: null });
      const half = name.endsWith("half-precision");
      expect(findings.map(({ code }) => code)).toEqual(
        half ? ["boundary-type", "boundary-type"] : [],
      );
      expect(runs).toBe(true);
    },
  );

  it("finds that the other runtime computes something else", async () => {
    const apart = text(`g (float[64] x) => (float[64] y) { y = Identity(x) }`);
    const other = { ...web, InferenceSession: { create: () => wrong(apart) } };
    const model = await openModel(apart);
    const { runs: same } = await checkForWeb(model, { ort, web: other as never });
    expect(same).toBe(false);
  });

  /** A session of onnxruntime-web whose model adds 1, in the place of one that does not. */
  const wrong = (_: Uint8Array) =>
    web.InferenceSession.create(
      text(`g (float[64] x) => (float[64] y) <float one = {1.0}> { y = Add(x, one) }`),
    );

  it("names a type that the JavaScript API has no tensors of, and those that ask for care", async () => {
    const brain = text(`g (bfloat16[2] x) => (float[2] y) { y = Cast<to = 1>(x) }`);
    const refused = await checked(brain);
    expect(refused.runs).toBe(false);
    expect(refused.findings).toEqual([
      expect.objectContaining({ code: "boundary-type", weight: "fails" }),
    ]);
    expect(check(place("brain.onnx", brain))).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/✗ limit +input x is bfloat16, and the JavaScript API/),
    });
    const inside = text(
      `g (float[2] x) => (float[2] y) { h = Cast<to = 10>(x) y = Cast<to = 1>(h) }`,
    );
    expect((await checked(inside)).findings).toEqual([]);
  });

  it("names int64 weights beyond 31 bits, but not the ends of a Slice", async () => {
    const model = (last: string) =>
      text(`g (int64[3] x) => (int64[3] y) <int64[1] big = {${last}}> { y = Add(x, big) }`);
    const { findings } = await checked(model("2147483648"));
    expect(findings).toEqual([expect.objectContaining({ code: "int64-values", weight: "limits" })]);
    expect((await checked(model("2147483647"))).findings).toEqual([]);
    const slice =
      text(`g (float[3] x) => (float[2] y) <int64[1] from = {1}, int64[1] to = {4611686018427387904}>
      { y = Slice(x, from, to) }`);
    expect((await checked(slice)).findings).toEqual([]);
  });

  it("reads the installed table of WebGPU kernels, by opset", async () => {
    const table = readKernels(
      "| Abs | ai.onnx(6-12,13+) |  |\n| Gelu | com.microsoft(1+); ai.onnx(20+) | x |",
    );
    const missing = async (op: string, opset: number) =>
      missingKernels(
        await openModel(
          text(
            `g (float[2] x) => (float[2] y) { y = ${op}(x) }`,
            `"" : ${opset}, "com.microsoft" : 1`,
          ),
        ),
        table,
      );
    expect(await missing("Abs", 17)).toEqual([]);
    expect(await missing("Abs", 6)).toEqual([]);
    expect(await missing("Abs", 5)).toEqual([{ op: "Abs", opset: 5, nodes: 1 }]);
    expect(await missing("Gelu", 19)).toEqual([{ op: "Gelu", opset: 19, nodes: 1 }]);
    expect(await missing("com.microsoft.Gelu", 19)).toEqual([]);
    expect(await missing("Neg", 17)).toEqual([{ op: "Neg", opset: 17, nodes: 1 }]);
    expect(readKernels(kernels!).get("ai.onnx MatMul")).toEqual([
      [1, 12],
      [13, Infinity],
    ]);
  });
});

describe("laurelize check", time, () => {
  it("prints what runs, what is fetched, and the headers for threads", () => {
    const { code, stdout, stderr } = check(place("model.onnx", fixture("pre-norm-mlp")));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^✓ runs +in onnxruntime-web \d\S+ through wasm, on 3 inputs; output/m);
    expect(stdout).toMatch(/Cross-Origin-Opener-Policy/);
    const dist = path.join(root, "node_modules/onnxruntime-web/dist");
    for (const { entry, wasm, bytes } of webPackage()!.entries) {
      expect(fs.statSync(path.join(dist, wasm)).size).toBe(bytes);
      expect(stdout).toContain(
        `fetches       ${entry}: ${wasm}, ${(bytes / 1e6).toPrecision(3)} MB`,
      );
    }
    const json = JSON.parse(check(at("model.onnx"), "--json").stdout);
    expect(json).toMatchObject({ runs: true, target: "web", placements: [], written: null });
    expect(json.compared.outcome).toBe("passed");
    expect(json.entries.length).toBeGreaterThan(2);
  });

  it.runIf(process.arch === "x64")("fails if onnxruntime-web does not take the model", () => {
    const blocked = text(
      `g (float[1, 8, 4, 4] x) => (float[1, 8, 4, 4] y)
       { b = com.microsoft.nchwc.ReorderInput(x) y = com.microsoft.nchwc.ReorderOutput<channels = 8>(b) }`,
      `"" : 17, "com.microsoft.nchwc" : 1`,
    );
    const { code, stdout } = check(place("blocked.onnx", blocked));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✗ runs +onnxruntime-web \S+ cannot run it \(.*ReorderInput/m);
  });

  it("measures files: too large is 1, too large to be tried is 4", () => {
    const model = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    const tensor = model.graph!.initializer!.find(({ rawData }) => rawData!.length >= 64)!;
    fs.writeFileSync(at("large.data"), tensor.rawData!);
    tensor.externalData = Object.entries({
      location: "large.data",
      length: tensor.rawData!.length,
    }).map(([key, value]) => onnx.StringStringEntryProto.create({ key, value: String(value) }));
    tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
    tensor.rawData = new Uint8Array();
    const file = place("large.onnx", onnx.ModelProto.encode(model).finish());
    expect(check(file).code).toBe(0);
    fs.truncateSync(at("large.data"), 1.5e9); // sparse
    expect(check(file)).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/^\? runs +not checked: .*1\.50 GB/m),
    });
    fs.truncateSync(at("large.data"), 2 ** 31 - 1);
    expect(check(file).code).toBe(4);
    fs.truncateSync(at("large.data"), 2 ** 31);
    const data = check(file);
    expect(data.code).toBe(1);
    expect(data.stdout).toMatch(/✗ limit +large\.data has 2\.15 GB, .*--split/);
    expect(data.stdout).not.toContain("ends at 4 GB");
    fs.truncateSync(at("large.data"), 2 ** 32);
    expect(check(file).stdout).toContain("the 32-bit memory of wasm ends at 4 GB");
    fs.truncateSync(at("large.data"), 64);
  });

  it("says what it can tell of other targets, and that it cannot", () => {
    const file = place("other.onnx", fixture("pre-norm-transformer"));
    const { version } = JSON.parse(
      fs.readFileSync(path.join(root, "node_modules/onnxruntime-node/package.json"), "utf8"),
    );
    const here = `onnxruntime@${version.split(".").slice(0, 2).join(".")}`;
    expect(check(file, "--target", here)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /loads it\n.*IR version 8 and the operator sets ai\.onnx \d+; its newest/,
      ),
    });
    const unknown = text(`g (float[2] x) => (float[2] y) { y = my.Op(x) }`, `"" : 17, "my" : 1`);
    expect(check(place("unknown.onnx", unknown), "--target", here)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("my.Op"),
    });
    for (const target of ["onnxruntime@0.9", "ios", "android"])
      expect(check(file, "--target", target)).toMatchObject({
        code: 4,
        stdout: expect.stringMatching(/^\? .*unknown: /m),
      });
    const json = JSON.parse(check(file, "--target", "ios", "--json").stdout);
    const newest = { op: "LayerNormalization", since: 17 };
    expect(json).toMatchObject({ runs: null, needs: { irVersion: 8, newest } });
    for (const args of [
      ["--target", "moon"],
      ["--target", "ios", "--split", "1MB"],
      ["--split", "many"],
    ])
      expect(check(file, ...args)).toMatchObject({ code: 2, stdout: "" });
    expect(check(place("no.onnx", new Uint8Array(9)))).toMatchObject({ code: 2 });
  });

  it("cannot check if onnxruntime-web is not installed, and says so", () => {
    const { code, stdout } = cliProcess(["check", at("model.onnx")], {}, installed(at("bare")));
    expect([code, stdout]).toEqual([
      4,
      expect.stringContaining("onnxruntime-web is not installed"),
    ]);
  });
});

/** The outputs of a model in a file, as bytes, on fixed numbers. */
async function outputs(file: string) {
  const session = await sessionOn(file, { graphOptimizationLevel: "disabled" });
  const feeds: Record<string, ort.Tensor> = {};
  for (const port of session.inputMetadata) {
    if (!port.isTensor) continue;
    const dims = port.shape.map((dim) => (typeof dim === "number" ? dim : 3));
    const size = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, k) => Math.sin(k + 1));
    feeds[port.name] = new ort.Tensor("float32", data, dims);
  }
  const got = Object.values(await session.run(feeds));
  await session.release();
  return got.map(({ data }) => Buffer.from((data as Float32Array).slice().buffer));
}

describe("cutting weights into files", time, () => {
  const WIDE = text(`g (float[2, 32] x, bool c) => (float[2, 32] y)
    <float[32, 32] a, float[32, 64] b, float[64, 32] d, float[4] small> {
    h = MatMul(x, a) i = MatMul(h, b) j = MatMul(i, d)
    y = If<then_branch = t () => (float[2, 32] k) <float[32, 32] inner> { k = MatMul(j, inner) },
      else_branch = e () => (float[2, 32] l) { l = Identity(j) }>(c) }`);
  const sizesOf = ({ dataFiles, folder }: Model) =>
    dataFiles.map((name) => [name, folder!.open(name, true).size]);

  it("names them as transformers.js looks for them, keeps sizes, and leaves bodies inside", async () => {
    const model = await openModel(WIDE);
    const cut = splitModel(model, "wide.onnx", 10_000);
    expect(sizesOf(cut)).toEqual([
      ["wide.onnx_data", 4096],
      ["wide.onnx_data_1", 8192],
      ["wide.onnx_data_2", 8192],
    ]);
    expect(sizesOf(splitModel(model, "wide.onnx", 12_288))).toHaveLength(2);
    const least = sizesOf(splitModel(model, "wide.onnx", 100));
    expect(least.map(([, size]) => size)).toEqual([4096, 8192, 8192]);
    await saveModel(cut, at("wide.onnx"));
    const written = await openModel(at("wide.onnx"));
    expect(sizesOf(written)).toEqual(sizesOf(cut));
    expect(written.size).toBeGreaterThan(4096);
    for (const name of ["a", "b", "d"])
      expect(weightOf(written, name)).toEqual(weightOf(model, name));
    const again = splitModel(written, "again.onnx", 1e6);
    expect(sizesOf(again)).toEqual([["again.onnx_data", 20_480]]);
    await saveModel(again, at("again.onnx"));
    const back = await openModel(at("again.onnx"));
    for (const name of ["a", "b", "d"]) expect(weightOf(back, name)).toEqual(weightOf(model, name));
    expect(() => splitModel(model, "wide.onnx", 0)).toThrow(TypeError);
    const tiny = await openModel(text(`g (float[2] x) => (float[2] y) { y = Neg(x) }`));
    expect(() => splitModel(tiny, "tiny.onnx", 1000)).toThrow(/leave out --split/);
  });

  it("says which weight of a body lies in a file: onnxruntime-web does not look there", async () => {
    const proto = onnx.ModelProto.decode(WIDE);
    const [{ attribute }] = proto.graph!.node!.slice(-1);
    const [inner] = attribute!.find(({ name }) => name === "then_branch")!.g!.initializer!;
    const found = async (bytes: Uint8Array) => {
      const model = await openModel(place("in-body.onnx", bytes));
      return sizeFindings(model, webSizes(model)).map(({ code, text }) => `${code}: ${text}`);
    };
    expect(await found(WIDE)).toEqual([]);
    fs.writeFileSync(at("inner.bin"), new Uint8Array(4 * 32 * 32));
    inner.externalData = [{ key: "location", value: "inner.bin" }].map((each) =>
      onnx.StringStringEntryProto.create(each),
    );
    inner.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
    [inner.rawData, inner.floatData] = [new Uint8Array(), []];
    expect(await found(onnx.ModelProto.encode(proto).finish())).toEqual([
      expect.stringMatching(/^data-in-body: weight inner of .*then_branch lies in inner\.bin; /),
    ]);
  });

  it("by the command line: written with their loading, run in both, bit for bit the same", async () => {
    const file = place("dense.onnx", fixture("pre-norm-mlp"));
    const big = text(`g (float[2, 32] x) => (float[2, 32] y) <float[32, 64] a, float[64, 32] b>
      { h = MatMul(x, a) f = MatMul(h, b) y = Add(x, f) }`);
    place("dense.onnx", big);
    const { code, stdout, stderr } = check(file, "--split", "8kB", "--report", at("split.html"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(fs.readFileSync(at("split.html"), "utf8")).toMatch(/>output<\/td>/);
    const names = ["dense.web.onnx_data", "dense.web.onnx_data_1"];
    for (const name of names) {
      expect(fs.statSync(at(name)).size).toBe(8192);
      expect(stdout).toContain(`{ path: "${name}", data: "${name}" },`);
    }
    expect(stdout).toContain("use_external_data_format: 2");
    expect(await outputs(at("dense.web.onnx"))).toEqual(await outputs(file));
    expect(check(file, "--split", "8kB")).toMatchObject({ code: 2 });
    expect(check(file, "--split", "8kB", "-f", "-o", file)).toMatchObject({ code: 2 });
    const brain = place(
      "b.onnx",
      text(
        `g (bfloat16[32] x) => (float[32] y) <float[32, 32] w> { z = Cast<to = 1>(x) y = MatMul(z, w) }`,
      ),
    );
    expect(check(brain, "--split", "8kB").code).toBe(1);
    expect(fs.readdirSync(folder).filter((name) => /^b\.web|^\./.test(name))).toEqual([]);
  });
});

describe("where nodes run in a browser", time, () => {
  const log = (what: string) =>
    `2026 [V:onnxruntime:, session_state.cc:1 VerifyEachNodeIsAssignedToAnEp] ${what}`;

  it("is read from onnxruntime's own log", () => {
    expect(
      readPlacements([
        log("Node placements"),
        log(" Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2"),
        log("  Cast (/m/Cast)"),
        "something else (x)",
        log("  And ()"),
        log(" Node(s) placed on [JsExecutionProvider]. Number of nodes: 1"),
        log("  Add (a b)"),
      ]),
    ).toEqual({
      CPUExecutionProvider: { count: 2, nodes: ["Cast (/m/Cast)", "And ()"] },
      JsExecutionProvider: { count: 1, nodes: ["Add (a b)"] },
    });
    expect(
      readPlacements([log(" All nodes placed on [JsExecutionProvider]. Number of nodes: 32")]),
    ).toEqual({
      JsExecutionProvider: { count: 32, nodes: [] },
    });
  });

  it.skipIf(!chromiumPath())("in Chromium, which loads the pieces of a model", async () => {
    const model = await openModel(
      text(
        `g (float[2, 32] x, bool[2, 32] m) => (float[2, 32] y, bool[2, 32] n) <float[32, 64] a, float[64, 32] b>
        { h = MatMul(x, a) f = MatMul(h, b) y = Add(x, f) [on the CPU] n = Xor(m, m) }`.replace(
          "[on the CPU]",
          "[/head/Xor]",
        ),
      ),
    );
    const cut = splitModel(model, "pieces.onnx", 8192);
    await saveModel(cut, at("pieces.onnx"));
    const { dist, entries } = webPackage()!;
    const { entry, script } = entries.find((each) => each.entry === "onnxruntime-web")!;
    const lacking = { dist, entry, script, model: at("pieces.onnx"), data: cut.dataFiles.slice(1) };
    const [without] = await placementsOf([lacking]);
    expect(without.error).toMatch(/pieces\.onnx_data|external data/i);
    const { stdout } = cli(["check", at("pieces.onnx")]);
    expect(stdout).toMatch(
      /in Chromium +onnxruntime-web: \d+ nodes, .*on the CPU: Xor \(\/head\/Xor\)/,
    );
    expect(stdout).toMatch(/in Chromium +onnxruntime-web\/webgpu: /);
  });
});
