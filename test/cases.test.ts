import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli, cliProcess } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { judged, judgePython } from "./support/judge.ts";
import { forms, results } from "./support/results.ts";
import { isNightly } from "./support/sweep.ts";

const cases = path.join(import.meta.dirname, "cases/rewriting");
const scratch = temporaryFolder();
const python = judgePython();

/** A case's file or folder, copied into a folder of its own. */
function copied(name: string): string {
  const to = path.join(scratch, name);
  fs.cpSync(path.join(cases, name), to, { recursive: true });
  return to;
}

describe("models that once failed", { timeout: 60_000 }, () => {
  it.runIf(isNightly)(
    "one whose original crashes onnxruntime's extended optimizer is proved below it",
    () => {
      const model = copied("layernorm-with-empty-bias-after-add.onnx");
      const { code, stdout, stderr } = cliProcess([model]);
      expect([code, fs.existsSync(model.replace(".onnx", ".laurel.onnx"))]).toEqual([0, true]);
      expect(stderr).toContain('starting again at level "basic"');
      expect(stdout).toMatch(/right formula +2 of 2 sites/);
    },
  );

  it("one with small constants in external data has the same sites from any folder", async () => {
    const folder = copied("small-constants-in-external-data");
    const decoy = path.join(scratch, "decoy");
    fs.mkdirSync(decoy);
    fs.writeFileSync(path.join(decoy, "w.bin"), new Uint8Array(8576).fill(255));
    const start = process.cwd();
    const seen: unknown[] = [];
    for (const from of [folder, decoy, scratch])
      try {
        process.chdir(from);
        const { sites, rejected } = await findResiduals(
          await openModel(path.join(folder, "m.onnx")),
          { ort },
        );
        seen.push([sites.map(({ name, feature }) => [name, feature]), rejected.length]);
      } finally {
        process.chdir(start);
      }
    expect((seen[0] as [unknown[]])[0].length).toBeGreaterThan(0);
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
  });

  it("one that a newer IR version describes is said to be that, with onnxruntime's reason", () => {
    const { code, stderr } = cli([copied("ir-version-14.onnx")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/onnxruntime cannot load this model: .*IR version: 14, max supported/);
  });

  it("one that was laurelized and lost its metadata is left alone, unless asked again", () => {
    const model = copied("laurelized-rw-lr-then-metadata-dropped.onnx");
    const { stdout } = cli(["inspect", model, "--json"]);
    expect(stdout.match(/"laurel"/g)?.length).toBeGreaterThanOrEqual(2);
    const ran = cli([model]);
    expect([ran.code, ran.stdout + ran.stderr]).toEqual([
      0,
      expect.stringContaining("recognized at 2 sites by structure"),
    ]);
    expect(fs.existsSync(model.replace(".onnx", ".laurel.onnx"))).toBe(false);
  });

  it("one whose only output is an ArgMax learns by the last floats before it", async () => {
    const model = await openModel(path.join(cases, "only-output-is-argmax.onnx"));
    const result = await laurelize(model, { ort, variant: "rw+lr" });
    const proof = await prove(result, { ort });
    expect(result.plan.sites).toHaveLength(2);
    expect(proof.checks.map(({ outcome }) => outcome)).toEqual(proof.checks.map(() => "passed"));
  });

  it.skipIf(!python)("one of opset 8 has results that onnx's checker accepts", async () => {
    const like = path.join(cases, "opset-8-one-residual.onnx");
    const { faults, sound } = await judged(
      python!,
      await results(scratch, ["opset-8", like], forms),
    );
    expect([faults, sound]).toEqual([[], 1]);
  });

  it("data files whose location starts with a dot are copied under names without two dots", () => {
    const folder = copied("copy-data-location-starting-with-dot");
    const to = path.join(scratch, "dotted");
    fs.mkdirSync(to);
    const out = path.join(to, "o.onnx");
    const ran = cli([path.join(folder, "m.onnx"), "--copy-data", "-o", out]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(fs.readdirSync(to).filter((name) => name.includes(".."))).toEqual([]);
    expect(cli(["inspect", out]).code).toBe(0);
  });

  it("a result with copied data is stripped to the original, byte for byte", () => {
    const folder = copied("copy-data-then-strip");
    const to = path.join(scratch, "stripped");
    fs.mkdirSync(to);
    const [model, out] = [path.join(folder, "m.onnx"), path.join(to, "o.onnx")];
    expect(cli([model, "--copy-data", "-o", out]).code).toBe(0);
    const back = path.join(to, "back.onnx");
    const ran = cli(["strip", out, "-o", back]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(Buffer.compare(fs.readFileSync(back), fs.readFileSync(model))).toBe(0);
  });
});
