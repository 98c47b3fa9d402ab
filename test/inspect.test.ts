import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();

/** A model in a file of its own. */
function place(bytes: Uint8Array): string {
  const file = path.join(folder, `${fs.readdirSync(folder).length}.onnx`);
  fs.writeFileSync(file, bytes);
  return file;
}

describe("laurelize inspect", () => {
  it("prints a table of sites, and with --why each other sum with its reason", () => {
    const model = place(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 8] x) => (float[2, 8] y) <float[8, 8] w, float[8] b>
      { m = MatMul(x, w) a = Add(m, b) f = Tanh(a) y = Add(f, x) }`),
    );
    const { code, stdout } = cli(["inspect", model, "--why"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/y +identity +\[2, 8\] +1 +8 +0 +0/);
    expect(stdout).toMatch(/a +Add +adds the constant b/);
    expect(stdout).toContain("72 weights");
    const laurel = `${model}.laurel.onnx`;
    const made = cli([model, "--variant", "rw+lr", "-r", "2", "--no-prove", "-o", laurel]);
    expect(made.stdout).toContain("34 new weights");
    expect(cli(["inspect", laurel]).stdout).toContain("72 weights and 34 of LAuReL");
  });

  it("--json gives the sites and the rejected sums", () => {
    const model = place(fixture("pre-norm-mlp"));
    const document = JSON.parse(cli(["inspect", model, "--json"]).stdout);
    expect(document).toEqual({
      model,
      sites: [
        {
          name: "res",
          node: "res",
          op: "Add",
          scope: "main",
          output: "y",
          skip: "x",
          branch: ["f"],
          kind: "identity",
          form: "plain",
          dtype: "float",
          shape: ["N", 6, 8],
          feature: { axis: 2, size: 8 },
          layer: "res",
          stream: 0,
          position: 0,
        },
      ],
      rejected: [],
    });
  });
});
