import { findResiduals, laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { largeForms, largeGraph } from "./support/large-graph.ts";
import { isNightly } from "./support/sweep.ts";

const NODES = isNightly ? 5_000 : 2_000;

describe(`a large graph of ${NODES} nodes`, { timeout: 15_000 }, () => {
  it.each(largeForms)("in the form %s has the sites that it has", async (form) => {
    const { bytes, sites } = largeGraph(form, NODES);
    const found = await findResiduals(await openModel(bytes), { ort });
    expect(found.sites).toHaveLength(sites);
    expect(found.warnings).toEqual([]);
  });

  it.each(isNightly ? [false, true] : [true])(
    "whose gradients vanish on the way is not called one that cannot learn, all sites: %s",
    async (allSites) => {
      const { bytes } = largeGraph("sharedSkip", allSites ? (isNightly ? 150 : 100) : 1_500);
      const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw+lr" });
      const { checks } = await prove(laurel, { ort, allSites });
      const [open, ...others] = checks.filter(({ outcome }) => outcome !== "passed");
      expect(others).toEqual([]);
      expect(open).toMatchObject({
        name: "it can learn",
        outcome: "not run",
        reason: expect.stringMatching(
          /^the output does not depend on what \d+ new tensors change .* of \d+ of \d+ sites \(\/Add\.v3, .*; the other \d+ of \d+ new tensors move it$/,
        ),
      });
    },
  );

  it("with a sum of more terms than a residual has says so", async () => {
    const { bytes } = largeGraph("wideSum", NODES);
    const { rejected } = await findResiduals(await openModel(bytes), { ort });
    expect(rejected.map(({ reason }) => reason)).toEqual([
      `adds ${NODES} values, more than a skip and the branches of a residual connection`,
    ]);
  });
});
