import fs from "node:fs";
import path from "node:path";
import { findResiduals, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { modelOfText } from "./support/onnx-text.ts";

const folder = path.join(import.meta.dirname, "../fixtures");

describe("every fixture", () => {
  const cases = fs
    .readdirSync(folder)
    .filter((name) => fs.existsSync(path.join(folder, name, "model.txt")));
  it.each(cases)("%s: its sites, and the reasons of the rest", async (name) => {
    const read = (file: string) => fs.readFileSync(path.join(folder, name, file), "utf8");
    const expected = JSON.parse(read("expected.json"));
    const model = await openModel(modelOfText(read("model.txt")));
    const { sites, rejected } = await findResiduals(model, { ort });
    const got = sites.map(({ output, within, skip, kind, feature }) => ({
      output: (within?.outputs[0] ?? output).name,
      skip: skip.value.name,
      kind,
      ...feature,
    }));
    expect(got).toEqual(expected.sites);
    const streams = sites.map(({ stream, position }) => `${stream}.${position}`);
    if (expected.streams) expect(streams).toEqual(expected.streams);
    const reasons = Object.fromEntries(rejected.map(({ output, reason }) => [output.name, reason]));
    expect(Object.keys(reasons).sort()).toEqual(Object.keys(expected.rejected).sort());
    for (const [output, part] of Object.entries(expected.rejected))
      expect(reasons[output]).toContain(part);
  });
});
