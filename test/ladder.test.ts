import fs from "node:fs";
import path from "node:path";
import {
  drawLadder,
  findResiduals,
  type Ladder,
  ladderOf,
  laurelize,
  type Model,
  measureNorms,
  openModel,
  trainableWeights,
  weightOf,
  weightsAsInputs,
} from "laurelize";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { fixture, fixtureNames, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";
import { swept } from "./support/sweep.ts";
import { tuned } from "./support/tuned.ts";
import { elementsIn, textWithin, type XmlElement, xmlOf } from "./support/xml.ts";

const folder = temporaryFolder();

const block = (k: number) => `
  a${k} = MatMul(x${k}, up${k}) r${k} = Relu(a${k}) f${k} = MatMul(r${k}, down${k})
  [res${k}] x${k + 1} = Add(x${k}, f${k})`;

/** Blocks one after the other on a stream of some features. */
function blocks(count: number, width = 6): Uint8Array {
  const all = Array.from({ length: count }, (_, k) => k);
  const weights = all.map((k) => `float[${width}, 8] up${k}, float[8, ${width}] down${k}`);
  return modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[N, ${width}] x0) => (float[N, ${width}] y) <${weights.join(", ")}, float[${width}, ${width}] head>
{ ${all.map((k) => block(k)).join("")} y = MatMul(x${count}, head) }`);
}

const ladderIn = async (model: Model) => ladderOf(await findResiduals(model, { ort }), model);
const hasSite = ({ attributes }: XmlElement) => "data-site" in attributes;
const known = new Map<string, XmlElement>();

/** A drawing, strictly read, once. */
function readSvg(svg: string): XmlElement {
  const read = known.get(svg) ?? xmlOf(svg);
  known.set(svg, read);
  return read;
}

const sitesIn = (svg: string) => elementsIn(readSvg(svg), hasSite);
const ticksIn = (svg: string) =>
  elementsIn(readSvg(svg), (each) => each.attributes.role === "listitem" && !hasSite(each));

describe("a ladder", () => {
  it.each(swept(fixtureNames(), 16))("of %s has every site once, at its depth", async (name) => {
    const model = await openModel(fixture(name));
    const found = await findResiduals(model, { ort });
    const ladder = ladderOf(found, model);
    const svg = drawLadder(ladder);
    const drawn = sitesIn(svg).map(({ attributes }) => attributes["data-site"]);
    expect([...drawn].sort()).toEqual(found.sites.map((site) => site.name).sort());
    const { children } = elementsIn(readSvg(svg), (each) => each.name === "title")[0];
    expect(children.join("")).toContain(`${found.rejected.length} other sum`);
    expect(ticksIn(svg).length).toBeGreaterThanOrEqual(Math.min(1, found.rejected.length));
    expect(ladder.rejected.every(({ depth }) => depth <= found.sites.length)).toBe(true);
  });

  it("names a branch by its operators and counts its weights", async () => {
    const [site] = (await ladderIn(await openModel(blocks(1)))).sites;
    expect(site.label).toBe("MatMul → Relu → MatMul");
    expect(site.branchWeights).toBe(2 * 6 * 8);
    expect(site.laurel).toEqual([]);
    const projected = await ladderIn(await openModel(fixture("resnet-projection")));
    expect(projected.sites[0].label).toBe("Conv → BatchNorm → Relu → Conv → BatchNorm");
    expect(projected.sites[0].branchWeights).toBe(8 * 4 * 9 + 8 * 8 * 9 + 4 * 8);
  });

  it("puts a rejected sum between the sites around it", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 6] x0) => (float[N, 6] y) <float[6, 8] up0, float[8, 6] down0, float[6, 8] up1, float[8, 6] down1, float[6] bias>
{ ${block(0).replace("[res0] x1", "[res0] z")} [shift] x1 = Add(z, bias) ${block(1)} y = Tanh(x2) }`),
    );
    const ladder = await ladderIn(model);
    expect(ladder.rejected).toMatchObject([{ name: "shift", code: "bias", depth: 1 }]);
    const [tick] = ticksIn(drawLadder(ladder));
    expect(tick.attributes["aria-label"]).toContain("shift is not a site: adds the constant bias");
  });
});

/** A matrix product in float64. */
function productNorm(A: ArrayLike<number>, B: ArrayLike<number>, size: number): number {
  const rank = A.length / size;
  let squares = 0;
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += A[i * rank + k] * B[k * size + j];
      squares += sum * sum;
    }
  return Math.sqrt(squares);
}

const floats = (model: Model, name: string) => {
  const { data } = weightOf(model, name);
  return new Float32Array(data.slice().buffer);
};

describe("trained values", () => {
  it("are those of the file: α and β normalized, γ and ‖AB‖ of each lag, from its site", async () => {
    const options = { ort, variant: "rw+lr+pa", rank: 2 } as const;
    const { model: fresh } = await laurelize(await openModel(blocks(3)), options);
    const model = tuned(fresh, 5);
    const ladder = await ladderIn(model);
    expect(ladder.sites).toHaveLength(3);
    const svg = drawLadder(ladder);
    for (const [k, site] of ladder.sites.entries()) {
      const [{ alpha, beta, lags, parameters }] = site.laurel;
      const [a, b] = floats(model, `res${k}.laurel.w`).map(Math.exp);
      expect(alpha!.mean).toBeCloseTo((2 * a) / (a + b), 6);
      expect(beta!.mean).toBeCloseTo((2 * b) / (a + b), 6);
      expect(lags.map(({ from }) => from)).toEqual(
        [`res${k}`, `res${k - 1}`, `res${k - 2}`].slice(0, k + 1),
      );
      for (const { lag, gamma, norm } of lags) {
        const [A, B] = ["A", "B"].map((role) => floats(model, `res${k}.laurel.${role}${lag}`));
        expect(norm).toBeCloseTo(productNorm(A, B, 6), 6);
        expect(gamma).toBe(floats(model, `res${k}.laurel.gamma`)[lag]);
      }
      expect(parameters).toBe(2 + (k + 1) * (2 * 2 * 6 + 1));
      const text = textWithin(sitesIn(svg)[k]);
      expect(text).toContain(alpha!.mean.toFixed(3));
      expect(text).toContain(beta!.mean.toFixed(3));
    }
    const names = trainableWeights(model);
    expect(ladder.sites.reduce((sum, { laurel: [one] }) => sum + one.parameters, 0)).toBe(
      names.reduce((sum, name) => sum + floats(model, name).length, 0),
    );
    const arcs = (k: number) =>
      elementsIn(sitesIn(svg)[k], ({ attributes }) => attributes.class === "line map").length;
    expect([0, 1, 2].map(arcs)).toEqual([1, 2, 3]);
  });

  it("of 1×1 convolutions and of factors for each channel are read in their own layout", async () => {
    const options = {
      ort,
      variant: "rw+lr",
      rank: 2,
      perChannel: true,
      normalize: "none",
    } as const;
    const original = await openModel(fixture("resnet-basic-block"));
    const model = tuned((await laurelize(original, options)).model, 3);
    const found = await findResiduals(original, { ort });
    const [site] = ladderOf(found, model).sites;
    const names = trainableWeights(model).filter((name) => name.startsWith(`${site.name}.`));
    const named = (end: string) => names.find((name) => name.endsWith(end))!;
    const { dims } = weightOf(model, named(".A"));
    const turned = (values: Float32Array, rows: number, columns: number) =>
      values.map((_, k) => values[(k % rows) * columns + Math.floor(k / rows)]);
    const [r, size] = dims;
    const A = turned(floats(model, named(".A")), r, size);
    const B = turned(floats(model, named(".B")), size, r);
    expect(site.laurel[0].lags[0].norm).toBeCloseTo(productNorm(A, B, size), 5);
    const alpha = floats(model, named(".alpha"));
    expect(site.laurel[0].alpha!.largest).toBe(Math.max(...alpha));
    expect(site.laurel[0].alpha!.mean).toBeCloseTo(alpha.reduce((a, b) => a + b) / size, 6);
  });

  it("show nothing if nothing is trained: ‖AB‖ 0, factors 1, and arcs without weight", async () => {
    const { model } = await laurelize(await openModel(blocks(2)), { ort, variant: "rw+lr+pa" });
    const ladder = await ladderIn(model);
    const svg = drawLadder(ladder);
    expect(ladder.sites[1].laurel[0]).toMatchObject({ alpha: { mean: 1 }, beta: { mean: 1 } });
    expect(svg).not.toContain('class="line map"/');
    expect(
      elementsIn(readSvg(svg), ({ attributes }) => attributes.class === "line idle"),
    ).toHaveLength(3);
  });

  it("are absent, and the weights said to be inputs, if the model takes them as inputs", async () => {
    const { model } = await laurelize(await openModel(blocks(1)), { ort, variant: "rw" });
    const [site] = (await ladderIn(weightsAsInputs(model, trainableWeights(model)))).sites;
    expect(site.laurel).toMatchObject([{ variant: "rw", parameters: 0, alpha: null, lags: [] }]);
  });

  it.each(["closed-sums", "long-skip"])(
    "of %s are found in the result alone, and its branches named as before",
    async (name) => {
      const original = await openModel(fixture(name));
      const before = await ladderIn(original);
      const { model } = await laurelize(original, { ort, variant: "rw+lr", rank: 2 });
      const after = await ladderIn(model);
      expect(after.sites.map(({ laurel }) => laurel.length)).toEqual(before.sites.map(() => 1));
      expect(after.sites.map(({ operators }) => operators)).toEqual(
        before.sites.map(({ operators }) => operators),
      );
    },
  );

  it("measure ‖x‖ and ‖f‖ on the inputs given, before and after laurelizing", async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4] x) => (float[N, 4] y, float[N, 4] f) <float[4, 4] w>
{ a = MatMul(x, w) f = Tanh(a) [res] y = Add(x, f) }`;
    const original = await openModel(modelOfText(text));
    const x = new ort.Tensor("float32", Float32Array.from([1, -2, 3, 0.5, 0, 1, 2, 3]), [2, 4]);
    const session = await sessionOn(original.toBytes());
    const { f } = await session.run({ x });
    const norm = (values: Float32Array) => Math.hypot(...values);
    const laurel = tuned((await laurelize(original, { ort, variant: "rw+lr" })).model, 1);
    for (const model of [original, laurel]) {
      const found = await findResiduals(model, { ort });
      const norms = await measureNorms(found, { ort, feeds: [{ x }] });
      expect(norms.get("res")!.skip).toBeCloseTo(norm(x.data as Float32Array), 5);
      expect(norms.get("res")!.branch).toBeCloseTo(norm(f.data as Float32Array), 5);
    }
  });
});

describe("a drawing", () => {
  const HOSTILE = `</title><script>alert(1)</script>"'&\u202e\u0000\u001b[31m`;

  it("contains hostile names only as text", async () => {
    const ladder = await ladderIn(await openModel(blocks(2)));
    const named: Ladder = {
      ...ladder,
      model: HOSTILE,
      sites: ladder.sites.map((site) => ({
        ...site,
        name: HOSTILE,
        label: HOSTILE,
        skip: HOSTILE,
      })),
      rejected: [
        { ...ladder.sites[0], name: HOSTILE, reason: HOSTILE, code: "bias", kind: null, depth: 1 },
      ],
    };
    for (const each of [named, { ...named, sites: [] }]) {
      const svg = drawLadder(each);
      expect(elementsIn(readSvg(svg), ({ name }) => name === "script")).toEqual([]);
      expect([..."\u202e\u001b\u0000"].filter((mark) => svg.includes(mark))).toEqual([]);
      expect(svg).toContain("\\u{202e}\\u{0}\\u{1b}[31m");
    }
  });

  it("keeps every rung in reach: 4, 200 and 520 sites", async () => {
    const [site] = (await ladderIn(await openModel(blocks(1)))).sites;
    for (const count of [4, 200, 520]) {
      const sites = Array.from({ length: count }, (_, k) => ({
        ...site,
        name: `site${k}`,
        position: k,
      }));
      const svg = drawLadder({ model: "m.onnx", weights: 1, sites, rejected: [] });
      const drawn = sitesIn(svg);
      expect(drawn).toHaveLength(count);
      expect(drawn.every(({ attributes }) => attributes.tabindex === "0")).toBe(true);
      const height = Number(/height="([\d.]+)"/.exec(svg)![1]);
      expect(height).toBeLessThan(5600);
      const isCell = ({ name, attributes }: XmlElement) =>
        name === "text" && attributes.class === "muted";
      const written = drawn.filter((rung) => elementsIn(rung, isCell).length > 0);
      expect(written.length).toBe(count === 520 ? 260 : count);
    }
  });

  it("refers to nothing outside, and has fixed colors if asked", async () => {
    const ladder = await ladderIn(await openModel(blocks(2)));
    const auto = drawLadder(ladder);
    expect(auto).toContain("prefers-color-scheme");
    expect(auto.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|@import/);
    for (const theme of ["light", "dark"] as const)
      expect(drawLadder(ladder, { theme })).not.toContain("prefers-color-scheme");
    expect(() => drawLadder(ladder, { theme: "blue" as never })).toThrow(/theme/);
    expect(() => drawLadder({} as never)).toThrow(/drawLadder takes a ladder from ladderOf/);
  });

  it("marks sites that are not chosen, and those alone", async () => {
    const model = await openModel(blocks(3));
    const found = await findResiduals(model, { ort, exclude: ["res1"] });
    const faint = sitesIn(drawLadder(ladderOf(found, model))).filter(
      ({ attributes }) => attributes.class === "unchosen",
    );
    expect(faint.map(({ attributes }) => attributes["data-site"])).toEqual(["res1"]);
  });
});

describe("laurelize ladder", () => {
  const file = (name: string, bytes: Uint8Array) => {
    const at = path.join(folder, name);
    fs.writeFileSync(at, bytes);
    return at;
  };

  it("writes what the API draws, the same each time, and never over a file", async () => {
    const model = file("net.onnx", blocks(2));
    const svg = path.join(folder, "net.ladder.svg");
    expect(cli(["ladder", model])).toMatchObject({ code: 0, stderr: "" });
    const first = fs.readFileSync(svg, "utf8");
    expect(first).toBe(drawLadder(await ladderIn(await openModel(model))));
    const again = cli(["ladder", model]);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/exists; pass --force/);
    const { code, stdout } = cli(["ladder", model, "--activations", "--json", "--force"]);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ output: svg, sites: [{ name: "res0" }, { name: "res1" }] });
    const [{ norms }] = document.sites;
    expect(norms.skip).toBeGreaterThan(0);
    expect(fs.readFileSync(svg, "utf8")).toContain("‖f‖ against ‖x‖");
  });

  it("lists the reasons of a model without sites, as inspect does", () => {
    const model = file(
      "none.onnx",
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 4] x) => (float[2, 4] y) <float[4] b> { [plus] y = Add(x, b) }`),
    );
    const out = path.join(folder, "none.svg");
    expect(cli(["ladder", model, "-o", out]).code).toBe(0);
    const [row] = ticksIn(fs.readFileSync(out, "utf8"));
    expect(textWithin(row)).toContain("adds the constant b");
  });

  it("refuses what has no effect or no sense", () => {
    const model = path.join(folder, "net.onnx");
    const out = path.join(folder, "other.svg");
    expect(cli(["ladder", model, "-o", out, "--theme", "blue"]).code).toBe(2);
    const png = out.replace(/svg$/, "png");
    expect(cli(["ladder", model, "-o", png])).toMatchObject({ code: 2, stdout: "" });
    expect(fs.existsSync(png)).toBe(false);
    expect(cli(["ladder", model, "-o", model, "--force"]).stderr).toMatch(/is the input itself/);
    const idle = cli(["ladder", model, "-o", out, "--seed", "1"]);
    expect(idle.stderr).toMatch(/--seed has no effect: nothing is run without --activations/);
  });
});
