import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cli, cliProcess } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { isNightly } from "./support/sweep.ts";

const scratch = temporaryFolder();

/** A model in a folder of its own. */
function modelIn(name: string, text: string): { folder: string; model: string } {
  const folder = path.join(scratch, name);
  fs.mkdirSync(folder);
  const model = path.join(folder, "model.onnx");
  fs.writeFileSync(model, modelOfText(text));
  return { folder, model };
}

const BLOCK = `  h = MatMul(x, up)
  r = Relu(h)
  f = MatMul(r, down)
  y = Add(f, x)`;
const WEIGHTS = "float[8, 16] up, float[16, 8] down, float[8] scale, float[8] bias";

/** Add before a LayerNormalization whose bias is spelled "": onnxruntime's fusion of both crashes. */
const crashing = (bias: string) => `<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 8] x) => (float[2, 8] out)
<${WEIGHTS}>
{
${BLOCK}
  out = LayerNormalization<axis = -1>(y, scale, ${bias})
}`;

/** A loop that never ends; onnxruntime runs it for as long as it is let. */
const ENDLESS = `<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 8] x) => (float[2, 8] out)
<${WEIGHTS}, int64 turns = {4000000000000000000}>
{
${BLOCK}
  out = Loop<body = turn (int64 k, bool going, float[2, 8] a) => (bool goes, float[2, 8] b) {
    goes = Identity(going)
    b = Relu(a)
  }>(turns, "", y)
}`;

describe.skipIf(process.platform === "win32")("a crash of onnxruntime", () => {
  it("is reported, and everything runs again one level lower until it survives", () => {
    const { folder, model } = modelIn("crash", crashing('""'));
    const { code, stdout, stderr } = cliProcess([model, "--json"]);
    expect(code).toBe(0);
    const { crashes, proof } = JSON.parse(stdout);
    expect(proof.passed).toBe(true);
    const [same] = proof.checks;
    expect(same).toMatchObject({ name: "same function", level: "basic" });
    expect(crashes).toEqual(
      ["all", "extended"].map((level) => ({
        model: "model.onnx",
        level,
        step: "same function",
        signal: "SIGSEGV",
      })),
    );
    expect(stderr.match(/^warning: onnxruntime crashed \(SIGSEGV\)/gm)).toHaveLength(2);
    expect(fs.readdirSync(folder).sort()).toEqual(["model.laurel.onnx", "model.onnx"]);
  });

  it("names the file whose types are inferred", () => {
    const { model } = modelIn(
      "types",
      `<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 3] x, int64[2, 1] i) => (float[2] y) { y = GatherND<batch_dims = -2147483648>(x, i) }`,
    );
    const { code, stderr } = cliProcess(["compare", model, model]);
    expect(code).toBe(4);
    expect(stderr).toContain('crashed (SIGSEGV) during "types" (nodes of model.onnx,');
  });

  it("is in the report, each other line once", () => {
    const { model } = modelIn("told", crashing('""'));
    const { code, stdout, stderr } = cliProcess([model]);
    expect(code).toBe(0);
    expect(stdout).toContain("optimized (basic; onnxruntime fails at higher levels)");
    expect(stdout).toContain('crashed (SIGSEGV) on model.onnx, optimization level "all"');
    expect(stdout.match(/residual sum/g)).toHaveLength(1);
    expect(stderr).toContain('starting again at level "basic"');
  });

  it.runIf(isNightly)("does not end compare either", () => {
    const { model } = modelIn("compared", crashing('""'));
    const { code, stdout } = cliProcess(["compare", model, model, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ same: true, level: "basic" });
  });

  it("is not seen if there is none", () => {
    const { model } = modelIn("sound", crashing("bias"));
    const { code, stdout, stderr } = cliProcess([model, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).crashes).toEqual([]);
    expect(JSON.parse(stdout).proof.checks[0].level).toBe("all");
    expect(stderr).not.toContain("crash");
  });
});

describe("a model that never ends", () => {
  it("is given up after --timeout, with what was running, and leaves nothing", () => {
    const { folder, model } = modelIn("endless", ENDLESS);
    const start = performance.now();
    const { code, stderr } = cliProcess([model, "--timeout", "2"]);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(code).toBe(4);
    expect(stderr).toContain(
      'no answer for 2 s during "sample inputs" (model.onnx, optimization level "disabled")',
    );
    expect(fs.readdirSync(folder)).toEqual(["model.onnx"]);
  });

  it.each(["0", "-1", "1e12"])("refuses a time that is not positive, %s", (seconds) => {
    const { model } = modelIn(`time ${seconds}`, crashing("bias"));
    const { code, stderr } = cli([model, "--timeout", seconds]);
    expect(code).toBe(2);
    expect(stderr).toContain("--timeout must be a positive number");
  });
});
