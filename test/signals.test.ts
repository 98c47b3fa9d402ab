import {
  compare,
  findResiduals,
  fold,
  foldProved,
  laurelize,
  measureNorms,
  type Ort,
  openModel,
  prove,
  proveFold,
} from "laurelize";
import * as onnxruntime from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";

type Watch = { ort: Ort; signal?: AbortSignal; onProgress?: (done: number, step: string) => void };

const ort: Ort = onnxruntime;

const opened = () => openModel(fixture("pre-norm-mlp"));

const laurelized = async () => laurelize(await opened(), { ort, rank: 2 });

/** Every long call, on a model of its own. */
const CALLS: Record<string, (watch: Watch) => Promise<unknown>> = {
  findResiduals: async (watch) => findResiduals(await opened(), watch),
  laurelize: async (watch) => laurelize(await opened(), watch),
  prove: async (watch) => prove(await laurelized(), watch),
  "prove of each site": async (watch) => prove(await laurelized(), { ...watch, extent: "sites" }),
  compare: async (watch) => compare(await opened(), await opened(), watch),
  fold: async (watch) => fold((await laurelized()).model, watch),
  proveFold: async (watch) => proveFold(await fold((await laurelized()).model, { ort }), watch),
  foldProved: async (watch) => foldProved((await laurelized()).model, watch),
  measureNorms: async (watch) => measureNorms(await findResiduals(await opened(), { ort }), watch),
};

describe.each(Object.entries(CALLS))("%s", (_, call) => {
  it("reports progress from 0 to 1", async () => {
    const seen: number[] = [];
    await call({ ort, onProgress: (done) => seen.push(done) });
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it("stops when its signal is aborted, with the signal's reason", async () => {
    const before = AbortSignal.abort(new Error("not today"));
    await expect(call({ ort, signal: before })).rejects.toThrow("not today");
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const { signal } = controller;
    await expect(call({ ort, signal, onProgress })).rejects.toThrow("enough");
  });

  it("gives no result after an abort, before whatever session it comes", async () => {
    for (let last = 0, sessions = 1; last < sessions; last += Math.ceil(sessions / 6)) {
      const controller = new AbortController();
      sessions = 0;
      const create = (...args: Parameters<Ort["InferenceSession"]["create"]>) => {
        if (sessions++ === last) controller.abort(new Error("enough"));
        return ort.InferenceSession.create(...args);
      };
      const counted = { ...ort, InferenceSession: { create } } as Ort;
      await expect(call({ ort: counted, signal: controller.signal })).rejects.toThrow("enough");
    }
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
