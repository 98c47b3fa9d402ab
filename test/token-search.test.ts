import fs from "node:fs";
import path from "node:path";
import {
  applyAdapter,
  extractAdapter,
  type Laurelized,
  laurelize,
  openModel,
  prove,
  stepGraph,
  strip,
  weightsAsInputs,
} from "laurelize";
import ort from "onnxruntime-node";
import { expect, it } from "vitest";

/** A small decoder of two residual sums as the body of an operator that searches for tokens. */
const model = (name: string) =>
  fs.readFileSync(path.join(import.meta.dirname, "models", `${name}.onnx`));

const within = async (name: string): Promise<Laurelized> =>
  laurelize(await openModel(model(name)), { ort, variant: "rw+lr", rank: 2 });

it("BeamSearch: the sites of its decoder are proved and removed again", async () => {
  const original = model("beam-search");
  const laurel = await within("beam-search");
  expect(laurel.plan.sites).toHaveLength(2);
  const { checks } = await prove(laurel, { ort });
  expect(checks.map(({ outcome }) => outcome)).toEqual(checks.map(() => "passed"));
  const { model: back } = await strip(await openModel(laurel.model.toBytes()));
  expect(Buffer.compare(back.toBytes(), original)).toBe(0);
});

it("BeamSearch with an encoder: the sites of both bodies are found, right and removed again", async () => {
  const laurel = await within("beam-search-encoder");
  const names = laurel.plan.sites.map(({ site }) => site.name);
  expect(names).toEqual(["search/decoder/dec_Add", "search/encoder/enc_Add"]);
  const { checks } = await prove(laurel, { ort });
  const passed = checks.flatMap(({ name, outcome }) => (outcome === "passed" ? [name] : []));
  expect(passed).toEqual(
    expect.arrayContaining(["same function", "right formula", "nothing else changed"]),
  );
  const { model: back } = await strip(laurel.model);
  expect(Buffer.compare(back.toBytes(), model("beam-search-encoder"))).toBe(0);
});

it("the new weights are initializers of the body, which takes no new values from outside", async () => {
  const { main } = (await within("beam-search")).model.graph;
  const [search] = main.nodes.filter(({ op }) => op === "com.microsoft.BeamSearch");
  const [decoder] = search.bodies;
  const isNew = (name: string) => name.includes(".laurel.");
  expect([...main.values.keys()].filter(isNew)).toEqual([]);
  const weights = [...decoder.values.values()].filter(({ initializer }) => initializer);
  expect(weights.filter(({ name }) => isNew(name)).length).toBeGreaterThanOrEqual(6);
  expect([...search.captures].map(({ name }) => name).filter(isNew)).toEqual([]);
});

it("an adapter takes the weights out of the body and puts them in again", async () => {
  const laurel = await within("beam-search");
  const adapter = await extractAdapter(laurel.model);
  expect(adapter.tensors).toHaveLength(6);
  const tensors = adapter.tensors.map((tensor) => ({ ...tensor, data: tensor.data.map(() => 63) }));
  const tuned = await applyAdapter(laurel.original, { ...adapter, tensors }, { ort });
  expect((await extractAdapter(tuned)).tensors).toEqual(tensors);
  expect(tuned.size).toBe(laurel.model.size);
});

it("but they can be neither inputs nor trained there, which is said in a sentence", async () => {
  const { model } = await within("beam-search");
  const [{ name }] = (await extractAdapter(model)).tensors;
  expect(() => weightsAsInputs(model, [name])).toThrow(/inside the decoder of a token search/);
  const target = { name: "t", type: { dtype: "float", shape: [1] } };
  const options = { ort, loss: "mse", inputs: {}, target } as const;
  await expect(stepGraph(model, options)).rejects.toThrow(/inside the decoder of a token search/);
});

it("GreedySearch gives tokens alone, so whether the weights can learn may stay open", async () => {
  const { checks } = await prove(await within("greedy-search"), { ort });
  const outcomes = Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
  expect(outcomes).toMatchObject({
    "same function": "passed",
    "right formula": "passed",
    "nothing else changed": "passed",
  });
  expect(outcomes["it can learn"]).not.toBe("failed");
});
