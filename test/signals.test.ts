import { compare, findResiduals, laurelize, openModel, prove } from "laurelize";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";

type Watch = { signal?: AbortSignal; onProgress?: (done: number, step: string) => void };

const opened = () => openModel(fixture("pre-norm-mlp"));

/** Every long call, on a model of its own. */
const CALLS: Record<string, (watch: Watch) => Promise<unknown>> = {
  findResiduals: async (watch) => findResiduals(await opened(), { ort, ...watch }),
  laurelize: async (watch) => laurelize(await opened(), { ort, ...watch }),
  prove: async (watch) => prove(await laurelize(await opened(), { ort }), { ort, ...watch }),
  compare: async (watch) => compare(await opened(), await opened(), { ort, ...watch }),
};

describe.each(Object.entries(CALLS))("%s", (_, call) => {
  it("reports progress from 0 to 1", async () => {
    const seen: number[] = [];
    await call({ onProgress: (done) => seen.push(done) });
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it("stops when its signal is aborted, with the signal's reason", async () => {
    const before = AbortSignal.abort(new Error("not today"));
    await expect(call({ signal: before })).rejects.toThrow("not today");
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    await expect(call({ signal: controller.signal, onProgress })).rejects.toThrow("enough");
  });
});

it("a model whose search was stopped can be searched again", async () => {
  const model = await opened();
  const controller = new AbortController();
  const stopped = findResiduals(model, { ort, signal: controller.signal });
  controller.abort();
  await expect(stopped).rejects.toThrow();
  expect((await findResiduals(model, { ort })).sites.length).toBe(
    (await findResiduals(await opened(), { ort })).sites.length,
  );
});
