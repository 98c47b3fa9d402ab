import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/fixture.ts";
import { judged, judgePython } from "../support/judge.ts";
import {
  corpusModels,
  fixtures,
  forms,
  type Original,
  results,
  streams,
} from "../support/results.ts";

const python = judgePython();

/** Every form of every model. */
describe.skipIf(!python)("onnx's checker and onnxruntime for Python accept every form of", () => {
  const folder = temporaryFolder();
  const accepts = async (original: Original) => {
    const requests = await results(folder, original, forms);
    const { faults } = await judged(python!, requests);
    for (const { model } of requests) fs.rmSync(model);
    expect(faults).toEqual([]);
  };
  const corpus = corpusModels().filter(([name]) => !name.endsWith("_external"));
  const small = [...streams(["float", "double", "float16"]), ...fixtures()];
  it.each(small)("%s", (...original) => accepts(original));
  it.each(corpus)("%s of the corpus", (...original) => accepts(original), 600_000);
});
