import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { openModel, saveModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { buildGraph } from "../src/graph/build.ts";
import { applyPatch } from "../src/graph/patch.ts";
import { openBytes } from "../src/onnx/open-file.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { isNightly } from "./support/sweep.ts";
import { arbitraryModel } from "./support/wire-models.ts";
import { arbitraryPatch, patched, plainLengths, provenance } from "./support/wire-patches.ts";
import { type Draw, drawing, roughen } from "./support/wire-roughen.ts";
import { encode, parse } from "./support/wire-tree.ts";
import { ours, theirs } from "./support/wire-views.ts";

const scratch = temporaryFolder();

const holds = (numRuns: number, property: (draw: Draw) => Promise<void>) =>
  fc.assert(
    fc.asyncProperty(fc.gen(), (g) => property(drawing(g))),
    { numRuns: isNightly ? 20 * numRuns : numRuns },
  );

describe("any model in any spelling", { timeout: 60_000 }, () => {
  it("the spelling's own reader and writer undo each other", () =>
    holds(30, async (draw) => {
      const canonical = arbitraryModel(draw);
      expect(encode(parse(canonical, "Model"))).toEqual(new Uint8Array(canonical));
      const rough = encode(roughen(draw, "Model", parse(canonical, "Model")));
      expect(encode(parse(rough, "Model"))).toEqual(rough);
    }));

  it("is saved as it was, byte for byte", () =>
    holds(30, async (draw) => {
      const rough = encode(roughen(draw, "Model", parse(arbitraryModel(draw), "Model")));
      const model = await openModel(rough);
      expect(model.toBytes()).toEqual(rough);
      const file = path.join(scratch, "saved.onnx");
      await saveModel(model, file);
      expect(new Uint8Array(fs.readFileSync(file))).toEqual(rough);
    }));

  it("says what onnx-proto reads in its plain spelling", () =>
    holds(50, async (draw) => {
      const canonical = arbitraryModel(draw);
      const rough = encode(roughen(draw, "Model", parse(canonical, "Model")));
      const { file } = await openModel(rough);
      expect(ours(file)).toEqual(theirs(canonical));
    }));

  it("changes by a patch in what the patch says and in nothing else", () =>
    holds(50, async (draw) => {
      const rough = roughen(draw, "Model", parse(arbitraryModel(draw), "Model"));
      const graph = buildGraph(openBytes(encode(rough)));
      const patch = arbitraryPatch(draw, graph);
      const expected = patched(rough, graph, patch);
      const { source } = await applyPatch(graph, patch, async () => provenance());
      const bytes = source.read(0, source.size);
      expect(plainLengths(parse(bytes, "Model"))).toEqual(plainLengths(expected));
      if (rough.filter(({ number }) => number === 7).length === 1)
        expect(theirs(bytes)).toEqual(theirs(encode(expected)));
    }));
});
