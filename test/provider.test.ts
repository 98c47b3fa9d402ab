import path from "node:path";
import { compare, type Ort, openModel, fit as tune } from "laurelize";
import ort, { listSupportedBackends } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture } from "./support/fixture.ts";

const cases = path.join(import.meta.dirname, "cases/finetuning");
const model = path.join(cases, "no-residual.onnx");
const data = path.join(cases, "no-residual.npz");

const built = new Set(listSupportedBackends().map(({ name }) => name));
const absent = ["coreml", "dml", "cuda", "webgpu"].filter((name) => !built.has(name));

describe("--provider", () => {
  it("runs on the CPU, and refuses in one sentence what this onnxruntime was not built with", () => {
    expect(cli(["inspect", model, "--provider", "cpu", "--json"]).code).toBe(0);
    expect(absent.length).toBeGreaterThan(0);
    for (const name of absent)
      for (const args of [
        ["inspect", model],
        ["finetune", model, "--data", data, "--loss", "cross-entropy", "--target", "labels"],
      ]) {
        const { code, stdout, stderr } = cli([...args, "--provider", name]);
        expect([code, stdout]).toEqual([2, ""]);
        expect(stderr).toMatch(
          /^laurelize: --provider \w+ cannot be used: onnxruntime-node [\d.]+ on \w+ has .*cpu.*; leave it out to run on the CPU\.\n$/,
        );
      }
    expect(cli(["inspect", model, "--provider", "tpu"]).stderr).toMatch(/it is one of cpu, cuda, /);
  });

  it("is the API's sessionOptions of onnxruntime, which every session has", async () => {
    const options = {
      data,
      loss: "cross-entropy",
      target: "labels",
      train: ["fc.*"],
      epochs: 1,
      threads: 1,
    } as const;
    const on = async (executionProviders: string[]) => {
      const { InferenceSession, Tensor } = ort;
      const given: Ort = { InferenceSession, Tensor, sessionOptions: { executionProviders } };
      return tune(await openModel(model), { ...options, ort: given });
    };
    expect((await on(["cpu"])).history.steps).toHaveLength(1);
    await expect(on([absent[0]])).rejects.toThrow(/backend not found|no available backend/);
  });

  it("is the highest optimization level too, for a model at which onnxruntime crashes", async () => {
    const levels = new Set<string>();
    const watched = (graphOptimizationLevel: "basic" | "all"): Ort => ({
      ...ort,
      sessionOptions: { graphOptimizationLevel },
      watch: (_, level) => levels.add(level),
    });
    const sound = await openModel(fixture("pre-norm-mlp"));
    for (const [given, all] of [
      ["basic", ["disabled", "basic"]],
      ["all", ["disabled", "basic", "all"]],
    ] as const) {
      expect(await compare(sound, sound, { ort: watched(given) })).toMatchObject({ level: given });
      expect([...levels].sort()).toEqual([...all].sort());
    }
  });
});
