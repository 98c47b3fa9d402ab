import fs from "node:fs";
import path from "node:path";
import {
  adapterBytes,
  applyAdapter,
  extractAdapter,
  laurelize,
  openAdapter,
  openModel,
  strip,
  weightOf,
} from "laurelize";
import ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { trainedNames } from "../passes/adapter/trained.ts";
import { laurelizations } from "../passes/laurelize/manifest.ts";
import { replaceWeights } from "../src/graph/replace-weights.ts";
import { modelOf } from "../src/model.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { tuned } from "./support/tuned.ts";

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const plain = async () => openModel(fixture("pre-norm-mlp"));
const laurelized = async (options = {}) =>
  (await laurelize(await plain(), { ort, variant: "rw+lr", rank: 2, ...options })).model;
const names = (of: { tensors: readonly { name: string }[] }) => of.tensors.map(({ name }) => name);

it("a model notes the old weights that were trained, and extract takes them", async () => {
  const laurel = await laurelized();
  expect(trainedNames(laurel)).toEqual([]);
  const trained = await openModel(tuned(laurel, 1, ["up"]).toBytes());
  expect(trainedNames(trained)).toEqual(["up"]);
  const own = names(await extractAdapter(laurel));
  const adapter = await extractAdapter(trained);
  expect(names(adapter)).toEqual([...own, "up"]);
  expect(names(await extractAdapter(trained, { train: ["up"] }))).toEqual([...own, "up"]);
  expect(names(await extractAdapter(trained, { train: [] }))).toEqual(own);
  // The adapter brings the weight and the note along, whatever it is put into.
  const read = await openAdapter(adapterBytes(adapter));
  for (const into of [laurel, await plain(), trained]) {
    const applied = await applyAdapter(into, read, { ort });
    expect(Buffer.compare(applied.toBytes(), trained.toBytes())).toBe(0);
  }
  // Trained again, without being asked for it or with another, nothing that is noted is lost.
  const again = tuned(trained, 2);
  expect(trainedNames(again)).toEqual(["up"]);
  expect(weightOf(again, "up").data).toEqual(weightOf(trained, "up").data);
  expect(trainedNames(tuned(trained, 3, ["down*"]))).toEqual(
    [...trained.graph.main.values.keys()].filter((name) => ["up", "down"].includes(name)),
  );
});

it("a model of which only LAuReL's weights were trained records nothing: the same bytes", async () => {
  const laurel = await laurelized();
  const trained = tuned(laurel, 1);
  expect(trained.size).toBe(laurel.size);
  expect(laurelizations(trained.metadata)).toEqual(laurelizations(laurel.metadata));
});

it("strip names the old weights that were trained", async () => {
  for (const options of [{}, { hash: false }]) {
    const trained = tuned(await laurelized(options), 1, ["up"]);
    await expect(strip(trained)).rejects.toThrow(/training changed its old weights: .* up,/);
    // What is inserted after the training can be taken out again.
    const more = await laurelize(trained, { ort, variant: "rw", again: true });
    const { model } = await strip(more.model);
    expect(Buffer.compare(model.toBytes(), trained.toBytes())).toBe(0);
    expect(trainedNames(more.model)).toEqual(["up"]);
  }
});

it("extract refuses if it cannot be known what was trained", async () => {
  const laurel = await laurelized();
  const write = (name: string, bytes: Uint8Array) => {
    fs.writeFileSync(at(name), bytes);
    return at(name);
  };
  const run = (file: string, ...more: string[]) =>
    cli(["extract", file, "-o", `${file}.safetensors`, "--force", ...more]);
  // As an earlier version left it: changed, and not noted.
  const zeros = new Uint8Array(weightOf(laurel, "up").data.length);
  const unnoted = replaceWeights(laurel.graph, new Map([["up", zeros]]));
  const silent = write("silent.onnx", modelOf(unnoted).toBytes());
  expect(run(silent)).toMatchObject({ code: 2, stdout: "" });
  expect(run(silent).stderr).toMatch(
    /does not record whether weights other .* name them with --train/,
  );
  expect(fs.existsSync(`${silent}.safetensors`)).toBe(false);
  const changed = await openModel(silent);
  await expect(extractAdapter(changed)).rejects.toThrow(/does not record .* \(train: \["head/);
  expect((await extractAdapter(changed, { train: ["up"] })).tensors).toHaveLength(4);
  expect((await extractAdapter(changed, { train: [] })).tensors).toHaveLength(3);
  expect(run(silent, "--train", "up").stdout).toContain("in 4 tensors");
  expect(run(silent, "--no-train").stdout).toContain("in 3 tensors");
  const unhashed = write("unhashed.onnx", (await laurelized({ hash: false })).toBytes());
  expect(run(unhashed).stderr).toMatch(/does not record whether weights other/);
  expect(run(write("plain.onnx", laurel.toBytes())).stdout).toContain("in 3 tensors");
  expect(run(write("noted.onnx", tuned(laurel, 1, ["up"]).toBytes())).stdout).toContain(
    "in 4 tensors",
  );
});
