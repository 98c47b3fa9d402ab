import {
  findResiduals,
  laurelize,
  NoSiteError,
  type OptionalKind,
  openModel,
  prove,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";

describe("kinds of sums that are used only if requested", () => {
  it.each<[OptionalKind, string]>([
    ["se", "squeeze-excite-residual"],
    ["merge", "fpn"],
    ["constant", "detr-zero-queries"],
  ])("%s in %s: listed as its kind, taken with also, proved", async (kind, name) => {
    const model = await openModel(fixture(name));
    const { sites, rejected } = await findResiduals(model, { ort });
    const listed = rejected.filter((rejection) => rejection.kind === kind);
    expect(listed.length).toBeGreaterThan(0);
    const others = (["se", "merge", "constant"] as const).filter((other) => other !== kind);
    const without = await findResiduals(model, { ort, also: others });
    expect(without.sites).toHaveLength(sites.length);
    const variant = kind === "constant" ? "rw" : "rw+lr";
    const laurel = await laurelize(model, { ort, also: [kind], variant, rank: 2 });
    expect(laurel.plan.sites).toHaveLength(sites.length + listed.length);
    const proof = await prove(laurel, { ort });
    expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  });

  it("a low-rank map on a skip of zeros can never learn, and the proof says so", async () => {
    const model = await openModel(fixture("detr-zero-queries"));
    const proof = await prove(await laurelize(model, { ort, also: ["constant"], rank: 2 }), {
      ort,
    });
    const failed = proof.checks.filter(({ outcome }) => outcome !== "passed");
    expect(failed).toMatchObject([{ name: "it can learn", dead: ["y1.laurel.A", "y1.laurel.B"] }]);
  });

  it("are not used without being requested", async () => {
    const model = await openModel(fixture("squeeze-excite-residual"));
    await expect(laurelize(model, { ort })).rejects.toThrow(NoSiteError);
    await expect(laurelize(model, { ort })).rejects.toThrow("--also se to use them");
  });
});
