import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type { Curve, lossCurve } from "../bin/loss-curve.ts";
import { temporaryFolder } from "./support/fixture.ts";

/** The built drawing alone in a folder, where no package is found. */
const folder = temporaryFolder();
const file = path.join(folder, "loss-curve.mjs");
fs.copyFileSync(path.join(import.meta.dirname, "../dist/bin/loss-curve.js"), file);
const built: { lossCurve: typeof lossCurve } = await import(pathToFileURL(file).href);

const steps = Array.from({ length: 500 }, (_, k) => k + 1);
const curve: Curve = {
  train: steps.map((step) => [step, Math.exp(-step / 100)]),
  eval: [100, 200, 300].map((step) => [step, Math.exp(-step / 90), 1 - 50 / step]),
};
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, t]) => t);
const colors = (svg: string) => new Set([...svg.matchAll(/stroke="(#\w+)"/g)].map(([, c]) => c));

describe("the loss curve", () => {
  it("is drawn with losses and metric named, on white, without anything installed", () => {
    const svg = built.lossCurve(curve, "digits & <strips>", "accuracy");
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 800 420"/);
    expect(svg).toMatch(/<rect width="800" height="420" x="0" y="0" fill="#ffffff">/);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        "digits &amp; &lt;strips&gt;",
        ...["training loss", "evaluation loss", "accuracy", "step", "loss", "500"],
      ]),
    );
    expect(svg).not.toMatch(/<style|class=|NaN|undefined|zr\d/);
    const lines = [...svg.matchAll(/<path d="([^"]*)"[^>]*stroke="#2f6fb7"/g)].map(([, d]) => d);
    expect(Math.max(...lines.map((d) => d.split("L").length))).toBeGreaterThan(100);
  });

  it("is the same text each time", () => {
    const [first, second] = [1, 2].map(() => built.lossCurve(curve, "twice", "accuracy"));
    expect(second).toBe(first);
  });

  it("draws what there is: nothing, one step, losses that are not numbers", () => {
    const all = built.lossCurve(curve, "all");
    const bare = built.lossCurve({ train: curve.train, eval: [] }, "bare");
    expect(texts(bare)).not.toContain("evaluation loss");
    expect([...colors(all)].filter((color) => !colors(bare).has(color))).toHaveLength(2);
    const broken = built.lossCurve(
      {
        train: [
          [1, 2],
          [2, Number.NaN],
          [3, Number.POSITIVE_INFINITY],
          [4, 1],
        ],
        eval: [[4, 1]],
      },
      "broken",
    );
    expect(broken).not.toMatch(/NaN|Infinity/);
    for (const train of [[], [[1, 0.5]]] as Curve["train"][])
      expect(built.lossCurve({ train, eval: [] }, "short")).toContain(">short</text>");
  });
});
