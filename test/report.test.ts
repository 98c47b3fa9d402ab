import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import onnxProto from "onnx-proto";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { littleTraining } from "./support/little-training.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { launchBrowser, testBrowser } from "./support/web-project.ts";
import { elementsIn, textWithin, type XmlElement, xmlOf } from "./support/xml.ts";

const folder = temporaryFolder();
const { at, args: training } = littleTraining(folder);
const sha256 = (file: string) => createHash("sha256").update(fs.readFileSync(file)).digest("hex");

/** Runs a command that writes a report; gives the page, strictly read, and the document of --json. */
function reported(name: string, args: readonly string[], code = 0) {
  const file = at(name);
  const ran = cli([...args, "--report", file, "--json", "--force"]);
  expect(ran, ran.stderr).toMatchObject({ code });
  const html = fs.readFileSync(file, "utf8");
  return { file, html, page: xmlOf(html), json: JSON.parse(ran.stdout) };
}

const headings = (page: XmlElement) =>
  elementsIn(page, ({ name }) => name === "h2").map(textWithin);
const verdict = (page: XmlElement) =>
  elementsIn(page, ({ attributes }) => attributes.class?.startsWith("verdict") ?? false)[0];
const drawnSites = (page: XmlElement) =>
  elementsIn(page, ({ attributes }) => "data-site" in attributes).map(
    ({ attributes }) => attributes["data-site"],
  );

/** The rows of the table with a caption, as text. */
function rowsOf(page: XmlElement, caption: string): string[][] {
  const holds = (element: XmlElement) =>
    element.children.some(
      (child) =>
        typeof child !== "string" &&
        child.name === "caption" &&
        textWithin(child).startsWith(caption),
    );
  const [found] = elementsIn(page, (element) => element.name === "table" && holds(element));
  expect(found, caption).toBeDefined();
  const [body] = elementsIn(found, ({ name }) => name === "tbody");
  return elementsIn(body, ({ name }) => name === "tr").map((row) =>
    elementsIn(row, ({ name }) => name === "td").map(textWithin),
  );
}

const axis = ["--feature-axis", "1"];

describe("--report", () => {
  it("of laurelize holds drawing, parameters, every figure of the proof, and hashes", () => {
    const out = at("net.laurel.onnx");
    const given = [at("net.onnx"), "-o", out, "--variant", "rw+lr", "--rank", "2", ...axis];
    const { page, html, json, file } = reported("a report.html", given);
    expect(headings(page)).toEqual([
      "Ladder",
      "Parameters",
      "Proof",
      "Options",
      "How to reproduce",
    ]);
    expect(textWithin(verdict(page))).toBe("✓ Proved: every check passed.");
    expect(drawnSites(page)).toEqual(["res"]);
    const checks = rowsOf(page, "Each check");
    expect(checks.map(([name]) => name)).toEqual(
      json.proof.checks.map(({ name }: { name: string }) => name),
    );
    const formula = json.proof.checks.find(
      ({ name }: { name: string }) => name === "right formula",
    );
    const [[site, difference, bound, outcome]] = rowsOf(page, "right formula");
    expect([site, outcome]).toEqual(["res", "✓ passed"]);
    expect(Number(difference)).toBeCloseTo(formula.sites[0].difference, 9);
    expect(Number(bound) / formula.sites[0].bound).toBeCloseTo(1, 2);
    const [parameters] = rowsOf(page, "Parameters");
    expect(parameters[7]).toBe(String(json.parameters.added));
    expect(json.report.ladder.sites[0].laurel[0].parameters).toBe(json.parameters.added);
    const files = rowsOf(page, "Files");
    expect(files.map(([role, , , hash]) => [role, hash])).toEqual([
      ["input", sha256(at("net.onnx"))],
      ["output", sha256(out)],
    ]);
    expect(json.report.reproduce.command).toContain(`--report '${file}'`);
    expect(html).not.toMatch(/<script|\ssrc=|\shref=|@import|url\(/);
    const again = reported("a report.html", given);
    expect(again.html).toBe(html);
  });

  it("of inspect is called --html too", () => {
    const file = at("inspect.html");
    const ran = cli(["inspect", at("net.onnx"), ...axis, "--html", file]);
    expect(ran.stdout).toContain(`wrote ${file}`);
    const page = xmlOf(fs.readFileSync(file, "utf8"));
    expect(drawnSites(page)).toEqual(["res"]);
    expect(headings(page)).toEqual(["Ladder", "Parameters", "How to reproduce"]);
    const idle = cli(["inspect", at("net.onnx"), ...axis, "--force"]);
    expect(idle.stderr).toContain("--force has no effect: there is no --report");
  });

  it("of finetune holds the curve, the epochs and the files", () => {
    const data = training("train.npz", "--epochs", "2", "--eval", at("val.npz"), "--variant", "rw");
    const { page, json } = reported("finetune.html", data);
    expect(headings(page).slice(2, 5)).toEqual(["Training curve", "Epochs", "Settings"]);
    const [, curve] = elementsIn(page, ({ name }) => name === "svg");
    expect(textWithin(curve)).toContain("training loss");
    const epochs = rowsOf(page, "Loss and metrics");
    expect(epochs.map(([epoch]) => epoch)).toEqual(["before", "1", "2"]);
    const [{ train }] = json.epochs;
    expect(Number(epochs[1][2]) / train.loss).toBeCloseTo(1, 3);
    const { sites } = json.report.ladder;
    expect(sites[0].laurel[0].alpha.mean).not.toBe(1);
    expect(rowsOf(page, "Files").map(([, name]) => path.basename(name))).toEqual(
      expect.arrayContaining(["net.tuned.onnx", "net.tuned.safetensors", "train.npz", "val.npz"]),
    );
  });

  it("of fold and of apply --fold lists what became of each site, and both proofs", () => {
    const model = at("net.tuned.onnx");
    const folded = reported("fold.html", ["fold", model, "-o", at("folded.onnx")]);
    const [row] = rowsOf(folded.page, "What became of each site");
    expect(row.slice(0, 2)).toEqual(["res", folded.json.sites[0].outcome]);
    const float64 = rowsOf(folded.page, "Both models cast to double");
    const { difference } = folded.json.proof.float64;
    expect(Number(float64[0][0])).toBeCloseTo(difference, 12);
    const adapter = at("net.tuned.safetensors");
    const out = ["-o", at("applied.onnx")];
    const applied = reported("apply.html", ["apply", at("net.onnx"), adapter, ...out, "--fold"]);
    expect(headings(applied.page)).toEqual(
      expect.arrayContaining(["Adapter", "Fold", "Proof: same function"]),
    );
    expect(textWithin(verdict(applied.page))).toContain("Applied, folded and proved.");
  });

  it("of a model without sites gives the reason for each sum", () => {
    const [file, out] = [at("none.onnx"), at("none.html")];
    const text = `<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 4] x) => (float[2, 4] y) <float[4] b> { [plus] y = Add(x, b) }`;
    fs.writeFileSync(file, modelOfText(text));
    expect(cli([file, "--report", out])).toMatchObject({ code: 3 });
    const page = xmlOf(fs.readFileSync(out, "utf8"));
    expect(textWithin(verdict(page))).toMatch(/^✗ Nothing is written: none\.onnx has no residual/);
    expect(rowsOf(page, "Sums that are not sites")[0][0]).toBe("plus");
  });

  it("of compare is written whatever the outcome", () => {
    const [a, b] = [at("net.onnx"), at("net.tuned.onnx")];
    const differs = reported("differs.html", ["compare", a, b], 1);
    expect(textWithin(verdict(differs.page))).toMatch(/^✗ the two models compute different/);
    expect(rowsOf(differs.page, "Each output")[0][0]).toBe("p");
    const same = reported("same.html", ["compare", a, a]);
    expect(textWithin(verdict(same.page))).toBe("✓ the two models are the same.");
  });

  it("of check says where the model runs", () => {
    const { page, json } = reported("check.html", ["check", at("net.onnx"), "--no-browser"]);
    expect(textWithin(verdict(page))).toBe("✓ It runs on web.");
    expect(json.report.reproduce.inputs[0].sha256).toBe(sha256(at("net.onnx")));
    expect(rowsOf(page, "Outputs")[0][0]).toBe("p");
  });

  it("contains hostile names only as text", () => {
    const { ModelProto } = onnxProto.onnx;
    const hostile = `</td><script>alert("x")</script>'\u001b[31m`;
    const model = ModelProto.decode(fs.readFileSync(at("net.onnx")));
    for (const node of model.graph!.node!) if (node.name === "res") node.name = hostile;
    fs.writeFileSync(at("<hostile> & 'co'.onnx"), ModelProto.encode(model).finish());
    const file = at("<hostile> & 'co'.onnx");
    const { page, html } = reported("hostile.html", ["inspect", file, ...axis]);
    expect(elementsIn(page, ({ name }) => name === "script")).toEqual([]);
    expect(html).not.toContain("\u001b");
    expect(textWithin(page)).toContain(`</td><script>alert("x")</script>'\\u{1b}[31m`);
  });

  it("refuses a place where it cannot go, before anything is written", () => {
    const out = at("never.onnx");
    const refused = (report: string, why: RegExp, ...more: string[]) => {
      const ran = cli([at("net.onnx"), "-o", out, ...axis, "--report", report, ...more]);
      expect(ran).toMatchObject({ code: 2 });
      expect(ran.stderr).toMatch(why);
      expect(fs.existsSync(out)).toBe(false);
    };
    refused(at("inspect.html"), /inspect\.html exists; pass --force .* with --report\.$/m);
    refused(out, /is also an input or another output/);
    refused(at("net.onnx"), /is also an input or another output/, "--force");
    refused(at("nowhere/report.html"), /does not exist; create it first/);
    const both = ["diff", at("net.onnx"), at("net.onnx"), "-o", at("both.html")];
    for (const more of ["--report", "--node-data"])
      expect(cli([...both, more, at("both.html")])).toMatchObject({ code: 2, stdout: "" });
    expect(fs.existsSync(at("both.html"))).toBe(false);
    const idle = cli([at("net.onnx"), ...axis, "--dry-run", "--report", at("dry.html")]);
    expect(idle.stderr).toContain("--report has no effect: nothing is written in a dry run");
    expect(fs.existsSync(at("dry.html"))).toBe(false);
  });
});

if (!testBrowser) console.warn("report: skipped in part, there is no Chromium");

it.runIf(process.env.CI && !testBrowser)("Chromium is there under CI", () => {
  expect(testBrowser, "install chromium").not.toBeNull();
});

describe.skipIf(!testBrowser)("a report in a real browser", () => {
  it("asks the network for nothing, has no axe violation, and shows details by keyboard", async () => {
    const axe = fs.readFileSync(
      path.join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"),
    );
    const running = await launchBrowser();
    try {
      const page = await running.newPage({ viewport: { width: 900, height: 900 } });
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      const url = pathToFileURL(at("finetune.html")).href;
      await page.goto(url);
      expect(asked).toEqual([url]);
      await page.evaluate(axe.toString());
      const run = (how: string) =>
        page.evaluate(`axe.run(${how})`) as Promise<{
          passes: unknown[];
          violations: { id: string; nodes: { html: string }[] }[];
        }>;
      const told = ({ violations }: Awaited<ReturnType<typeof run>>) =>
        violations.map(({ id, nodes }) => [id, nodes[0].html]);
      const light = await run("");
      expect(light.passes.length).toBeGreaterThan(15);
      expect(told(light)).toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      expect(told(await run('{ runOnly: ["color-contrast"] }'))).toEqual([]);
      const shown = () =>
        page.evaluate(() =>
          [...document.querySelectorAll(".tip")]
            .filter((tip) => getComputedStyle(tip).visibility === "visible")
            .map((tip) => tip.textContent),
        );
      expect(await shown()).toEqual([]);
      await page.keyboard.press("Tab");
      const [details] = await shown();
      expect(details).toMatch(/^resstream 0, position 0.*α [01]\.\d+, β [01]\.\d+/);
    } finally {
      await running.close();
    }
  });
});
