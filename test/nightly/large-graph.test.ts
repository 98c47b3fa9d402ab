import { findResiduals, laurelize, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { largeForms, largeGraph } from "../support/large-graph.ts";

describe("a large graph", { timeout: 240_000 }, () => {
  it("of 100,000 nodes in a chain of blocks is laurelized at every one", async () => {
    const { bytes, nodes, sites } = largeGraph("blocks", 100_000);
    expect(nodes).toBe(100_000);
    const { plan, model } = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    expect(plan.sites).toHaveLength(sites);
    expect(model.graph.main.nodes).toHaveLength(nodes + plan.patch.nodes.length);
  });

  it.each(largeForms)("of 20,000 nodes in the form %s has the sites that it has", async (form) => {
    const { bytes, sites } = largeGraph(form, 20_000);
    const found = await findResiduals(await openModel(bytes), { ort });
    expect(found.sites).toHaveLength(sites);
    expect(found.warnings).toEqual([]);
  });
});
