import fs from "node:fs";
import path from "node:path";
import { zipSync } from "fflate";
import { laurelize, laurelJson, openModel, prove } from "laurelize";
import { dump } from "npyjs";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { bin, cli, cliProcess } from "./support/cli.ts";
import { fixture, temporaryFolders } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
const { newFolder, place } = temporaryFolders();

const files = (model: string) => fs.readdirSync(path.dirname(model)).sort();

describe("laurelize model.onnx", () => {
  it("writes model.laurel.onnx beside it, which onnxruntime loads, and prints the report", async () => {
    const model = place(fixture("pre-norm-mlp"));
    const { code, stdout, stderr } = cli([model, "--variant", "rw+lr", "--rank", "4"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/model\.onnx {3}IR 8, opset 17, 280 weights, /);
    expect(stdout).toContain("1 residual sum in 1 stream (1 identity); 0 other Adds");
    expect(stdout).toContain("rw+lr, rank 4: 66 new weights (+23.6 %)");
    expect(stdout).toMatch(/same function +bit-equal on 3 inputs; fully optimized .*noise/);
    expect(stdout).toMatch(/right formula +1 of 1 site, worst \S+ \(bound \S+\)/);
    expect(stdout).toMatch(
      /nothing else changed +5 weights, 1 input, 1 output, metadata: unchanged/,
    );
    expect(stdout).toMatch(/wrote .*model\.laurel\.onnx/);
    expect(files(model)).toEqual(["model.laurel.onnx", "model.onnx"]);
    const session = await ort.InferenceSession.create(
      path.join(path.dirname(model), "model.laurel.onnx"),
    );
    expect(session.outputNames).toEqual(["out"]);
  });

  it("prints one JSON document with --json, which the API gives too", async () => {
    const model = place(fixture("pre-norm-mlp"));
    const { code, stdout, stderr } = cli([model, "--json", "--variant", "rw"]);
    expect([code, stderr]).toEqual([0, ""]);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      input: model,
      output: model.replace(".onnx", ".laurel.onnx"),
      variant: "rw",
      parameters: { added: 2, model: 280, perSite: { res: 2 } },
      proof: { passed: true },
    });
    expect(document.sites).toHaveLength(1);
    const laurel = await laurelize(await openModel(model), { ort, variant: "rw" });
    const plain = { ...laurelJson(laurel), proof: await prove(laurel, { ort }) };
    expect(document).toMatchObject(JSON.parse(JSON.stringify(plain)));
    expect(document.proof.checks.map((check: { name: string }) => check.name)).toEqual([
      "same function",
      "right formula",
      "nothing else changed",
      "it can learn",
    ]);
  });

  it("--dry-run and --quiet do what they say", () => {
    const model = place(fixture("pre-norm-mlp"));
    const dry = cli([model, "--dry-run"]);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toContain("nothing written");
    for (const [more, said] of [
      [["pa"], "\npa: "],
      [["pa", "--pa-map", "low-rank"], "\npa, rank 16: "],
      [["rw+pa"], "\nrw+pa: "],
      [["lr+pa"], "\nlr+pa, rank 16: "],
    ] as const)
      expect(cli([model, "--dry-run", "-v", ...more]).stdout).toContain(said);
    expect(files(model)).toEqual(["model.onnx"]);
    expect(cli([model, "--quiet", "-o", path.join(newFolder(), "quiet.onnx")])).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("does not replace an existing file without --force, and never the input", () => {
    const model = place(fixture("pre-norm-mlp"));
    const output = path.join(path.dirname(model), "there.onnx");
    fs.writeFileSync(output, "mine");
    const refused = cli([model, "-o", output]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--force");
    expect(fs.readFileSync(output, "utf8")).toBe("mine");
    expect(cli([model, "-o", output, "--force", "-q"]).code).toBe(0);
    expect(cli([model, "-o", model, "--force"])).toMatchObject({ code: 2, stdout: "" });
    expect(fs.readFileSync(model)).toEqual(Buffer.from(fixture("pre-norm-mlp")));
  });

  it("exits 3 and writes nothing if there is no site, or none is left", () => {
    const bias = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] y) <float[8, 8] w, float[8] b> { f = MatMul(x, w) y = Add(f, b) }`);
    const model = place(bias);
    expect(cli([model])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("no residual connection"),
    });
    expect(files(model)).toEqual(["model.onnx"]);
    const other = place(fixture("pre-norm-mlp"));
    expect(cli([other, "--exclude", "*"])).toMatchObject({ code: 3 });
    expect(files(other)).toEqual(["model.onnx"]);
  });

  it("says so, exits 0 and writes nothing if the model is laurelized already", () => {
    const model = place(fixture("pre-norm-mlp"));
    cli([model, "-q"]);
    const again = cli([model.replace(".onnx", ".laurel.onnx")]);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("already laurelized");
    expect(files(model)).toEqual(["model.laurel.onnx", "model.onnx"]);
  });

  it("exits 1 and leaves no file if a check fails: infinities in the stream times zero", () => {
    const model = place(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] z) <float[8, 8] w, float[1] zero = {0}>
      { i = Div(x, zero) f = MatMul(x, w) t = Tanh(i) [res] y = Add(i, h) h = MatMul(t, w) z = Atan(y) }`),
    );
    const { code, stderr, stdout } = cli([model, "--variant", "lr"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/output z differs/);
    expect(stderr).toContain("was not written");
    expect(files(model)).toEqual(["model.onnx"]);
  });

  it("takes the user's inputs from an ONNX test_data_set folder, and refuses those that do not fit", () => {
    const model = place(fixture("pre-norm-mlp"));
    const data = path.join(path.dirname(model), "test_data_set_0");
    fs.mkdirSync(data);
    const write = (dims: number[], dataType: number) => {
      const rawData = new Uint8Array(dims.reduce((a, b) => a * b, 4)).fill(60);
      const tensor = onnx.TensorProto.encode({ dims, dataType, rawData }).finish();
      fs.writeFileSync(path.join(data, "input_0.pb"), tensor);
    };
    write([3, 6, 8], 1);
    const good = cli([model, "--inputs", data, "--force"]);
    expect(good.stderr).not.toContain("laurelize:");
    expect(good.stdout).toContain("bit-equal on 1 input;");
    write([3, 7, 8], 1);
    expect(cli([model, "--inputs", data, "--force"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("shape [3, 7, 8]"),
    });
    write([3, 6, 8], 6);
    expect(cli([model, "--inputs", data, "--force"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("int32"),
    });
  });

  it("takes the user's inputs from an .npz", () => {
    const model = place(fixture("pre-norm-mlp"));
    const write = (name: string, values: Float32Array, shape: number[]) => {
      const file = path.join(path.dirname(model), `${name}.npz`);
      fs.writeFileSync(file, zipSync({ [`${name}.npy`]: new Uint8Array(dump(values, shape)) }));
      return file;
    };
    const x = Float32Array.from({ length: 2 * 6 * 8 }, (_, k) => Math.sin(k));
    expect(cli([model, "--inputs", write("x", x, [2, 6, 8])]).stdout).toContain(
      "bit-equal on 1 input;",
    );
    const other = cli([model, "-f", "--rank", "1", "--inputs", write("z", x, [2, 6, 8])]);
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not contain an array x; they contain z"),
    });
    const text = path.join(path.dirname(model), "text.npz");
    fs.writeFileSync(text, "no zip");
    expect(cli([model, "-f", "--inputs", text])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not a readable .npz"),
    });
  });

  it("--external-data keeps the larger new weights in a file of their own", async () => {
    const model = place(fixture("pre-norm-mlp"));
    const { code, stdout } = cli([model, "--external-data"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("bit-equal")]);
    expect(files(model)).toEqual(["model.laurel.onnx", "model.laurel.onnx.data", "model.onnx"]);
    expect(
      cli([model, "--external-data", "-o", path.join(path.dirname(model), "other.onnx")]).code,
    ).toBe(0);
    fs.rmSync(path.join(path.dirname(model), "model.laurel.onnx"));
    expect(cli([model, "--external-data"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(".data exists"),
    });
    await ort.InferenceSession.create(path.join(path.dirname(model), "other.onnx"));
  });

  it("says so if the insertion would pass 2 GiB, and offers external data", () => {
    const proto = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    const room = 2 ** 31 - 200 - fixture("pre-norm-mlp").length;
    const tensor = onnx.TensorProto.encode({ name: "bulk", dims: [room], dataType: 2 }).finish();
    const head = onnx.ModelProto.encode(proto).finish();
    // ModelProto.graph once more, with one initializer whose raw_data is a hole in the file.
    const fields = (...parts: number[][]) => parts.flat();
    const varint = (value: number): number[] =>
      value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
    const rawTag = fields([0x4a], varint(room));
    const tensorLength = tensor.length + rawTag.length + room;
    const tensorTag = fields([0x2a], varint(tensorLength));
    const graphTag = fields([0x3a], varint(tensorLength + tensorTag.length));
    const prefix = Buffer.concat([
      head,
      Buffer.from(graphTag),
      Buffer.from(tensorTag),
      tensor,
      Buffer.from(rawTag),
    ]);
    const model = place(prefix);
    fs.truncateSync(model, prefix.length + room);
    const { code, stderr } = cliProcess([model, "--rank", "1"]);
    expect(code).toBe(2);
    expect(stderr).toContain("2 GiB");
    expect(stderr).toContain("--external-data");
    expect(files(model)).toEqual(["model.onnx"]);
    fs.rmSync(model);
  });

  it("sizes free dimensions as requested", () => {
    const model = place(fixture("pre-norm-mlp"));
    expect(cli([model, "--dim", "N=5"]).stdout).toContain("with N=5");
    expect(cli([model, "--dim", "M=5", "-f"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no free dimension M"),
    });
  });

  it.each([
    [["--varient", "rw"], "varient"],
    [["--variant", "ra"], "rw+lr"],
    [["--rank", "0"], "rank"],
    [["--rank", "2.5"], "rank"],
    [["--rank", "many"], "rank"],
    [["--dim", "N"], "name=4"],
    [["--feature-axis", "9"], "axis"],
  ])("refuses %s in one sentence", (args, word) => {
    const model = place(fixture("pre-norm-mlp"));
    const { code, stderr } = cli([model, ...args]);
    expect(code === 2 || code === 3).toBe(true);
    expect(stderr).toContain(word);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(files(model)).toEqual(["model.onnx"]);
  });
});

it("writes out what would command a terminal, in a model's names and in its own", () => {
  const model = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
  for (const [k, node] of model.graph!.node!.entries())
    node.name = `\x1b]0;t\x07\x9b2J\u202e${k} é模\x1b[31m\u061c\n`;
  const file = place(onnx.ModelProto.encode(model).finish(), "a\x1b[2J\x1b[32m✓.onnx");
  const colored = { NO_COLOR: "", FORCE_COLOR: "1" };
  for (const more of [[], ["--json"], ["--include", "none\x1b[2J"]]) {
    const { stdout, stderr } = cliProcess(["inspect", file, ...more], colored);
    for (const control of ["\x07", "\x1b", "\x9b", "\u202e", "\u061c"])
      expect((stdout + stderr).includes(control)).toBe(false);
    const [name] =
      more[0] === "--json"
        ? JSON.parse(stdout).sites.map((site: { name: string }) => site.name)
        : [];
    if (more[0] === "--json") expect(name.startsWith("\x1b]0;t\x07\x9b2J\u202e")).toBe(true);
    else expect(stdout + stderr).toContain("a\\u001b[2J\\u001b[32m✓.onnx");
    if (more.length === 0) expect(stdout).toMatch(/模\\u001b\[31m\\u061c\\n +identity/);
  }
});

describe("a mistyped command line", () => {
  it.each([
    [["--rank"], "laurelize: --rank takes a value"],
    [["-o"], "laurelize: -o takes a value"],
    [["--prove"], "laurelize: --prove takes a value"],
    [
      ["-v", "rwlr"],
      "--variant cannot be rwlr: it is one of rw, lr, rw+lr, pa, rw+pa, lr+pa, rw+lr+pa; did you mean rw+lr?",
    ],
    [["--no-prove", "--prove", "full"], "--prove and --no-prove contradict each other"],
    [["--init", "zeros"], "--init cannot be zeros: it is one of xavier, orthogonal."],
    [["--rank", "abc"], "--rank takes a number."],
    [["--stream", "x"], "--stream takes a number."],
    [["--rnk", "3"], "rnk is not understood"],
    [["--no-rnk"], "--no-rnk is not understood"],
    [
      ["--device", "cuda"],
      "--device is not understood; did you mean --provider? (laurelize --help)",
    ],
    [
      ["inspect"],
      "inspect is a command; write it before the model: laurelize inspect no-such.onnx.",
    ],
    [["out.onnx"], "out.onnx does not exist; check the path, or name the result with -o out.onnx."],
  ])("%j is refused before anything is read", (given, message) => {
    const { code, stdout, stderr } = cli(["no-such.onnx", ...given]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  it("no file, or one too many", () => {
    expect(cli(["inspect"]).stderr).toContain("a file is missing (0 of 1 given)");
    expect(cli(["inspect", ""]).stderr).toContain("a file is given as an empty text");
    expect(cli(["diff", "m.onnx"]).stderr).toContain("a file is missing (1 of 2 given)");
    expect(cli(["--verify"]).stderr).toContain("--verify is not understood");
    const folder = path.dirname(place(fixture("pre-norm-mlp"), "-m.onnx"));
    const { stderr } = cliProcess(["inspect", "-m.onnx"], {}, bin, folder);
    expect(stderr).toContain("-m.onnx looks like options; write the file as ./-m.onnx.");
    expect(cli(["inspec", "a.onnx"]).stderr).toContain("inspec is neither a file nor a command");
    expect(cli(["compare", "a.onnx", "b.onnx", "c.onnx"]).stderr).toContain("c.onnx is not");
  });

  it("an output or a weight that is missing, also in a program of its own", () => {
    expect(cli(["average", "a.safetensors"]).stderr).toContain("laurelize: --output must be given");
    const { code, stdout, stderr } = cliProcess(["combine", "a=x", "--output=c", "--json"]);
    expect([code, JSON.parse(stdout).error.code]).toEqual([2, "usage"]);
    expect(stderr).toMatch(
      /^laurelize: a=x has no weight; .* use average\. \(laurelize combine --help\)\n$/,
    );
  });

  it("is none with --no-prove, or with --external-data and no name", () => {
    const model = place(fixture("pre-norm-mlp"));
    const { code, stderr } = cli([model, "--no-prove", "--external-data", "--rank", "4"]);
    expect([code, stderr]).toEqual([0, ""]);
  });
});

it("strip, extract and apply print one JSON document with --json", () => {
  const model = place(fixture("pre-norm-mlp"));
  const at = (name: string) => path.join(path.dirname(model), name);
  expect(cli([model, "--rank", "4", "--quiet"]).code).toBe(0);
  const [laurel, adapter, output] = [at("model.laurel.onnx"), at("a.safetensors"), at("t.onnx")];
  const printed = (...args: string[]) => {
    const { code, stdout, stderr } = cli([...args, "--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout);
  };
  const size = (file: string) => fs.statSync(file).size;
  const taken = printed("extract", laurel, "-o", adapter);
  expect(taken).toEqual({
    input: laurel,
    output: adapter,
    bytes: size(adapter),
    weights: 66,
    tensors: 3,
  });
  const put = printed("apply", model, adapter, "-o", output);
  expect(put).toMatchObject({ input: model, adapter, output, tensors: 3, weights: "inside" });
  expect([put.bytes, put.laurelizedFirst]).toEqual([size(output), true]);
  expect(printed("strip", laurel, "-o", at("o.onnx"))).toEqual({
    input: laurel,
    output: at("o.onnx"),
    bytes: size(model),
    data: [],
    checked: "whole",
  });
});
